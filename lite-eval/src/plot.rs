//! Figures as SVG, from records alone: learning curves, `results/figures/<experiment>.svg`, and what compression costs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use experiments::{CompressionRecord, CurvePoint, Record};
use plotters::prelude::*;

use crate::figure;
use crate::tables::{compression, rows};

/// A file name and its contents.
pub type Figure = (String, String);

/// A figure that could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the figure of `{experiment}`: {reason}")]
pub struct PlotError {
    /// Which.
    pub experiment: String,
    /// What the drawing library says.
    pub reason: String,
}

/// The figures of all experiments that have a curve: those of the records that the tables show. A summary that is taken out of
/// the text was not learnt, and has none.
pub fn figures(records: &[(PathBuf, Record)]) -> Result<Vec<Figure>, PlotError> {
    let experiments = rows(records).into_iter().map(|(name, rows)| {
        let shown = rows.iter().map(|row| row.shown);
        let curved: Vec<&Record> = shown.filter(|record| record.curve.len() > 1).collect();
        (name, curved)
    });
    experiments
        .filter(|(_, records)| !records.is_empty())
        .map(|(name, records)| Ok((format!("{name}.svg"), learning_curves(name, &records)?)))
        .collect()
}

/// The figures of all compressed models, `<experiment>-compression.svg`: the main score over the size of the file, of each
/// architecture in floats and of what each of its records ends with.
pub fn compression_figures(records: &[(PathBuf, CompressionRecord)]) -> Result<Vec<Figure>, PlotError> {
    let mut experiments: BTreeMap<&str, BTreeMap<&str, Vec<Point>>> = BTreeMap::new();
    for record in compression::newest(records) {
        let arch = experiments.entry(&record.experiment).or_default();
        let points = arch.entry(&record.arch).or_default();
        let steps = [record.steps.first(), record.steps.last()];
        for step in steps.into_iter().flatten() {
            let Some(score) = step.scores.first() else { continue };
            let name = compression::shown_name(record, step);
            let name = name.trim_end_matches(" + entropy coding");
            let point = Point {
                x: step.size.file_bytes as f64 / 1e6,
                y: score.value,
                name: Some(name.to_owned()),
            };
            // Every record begins with the same floats.
            if !points.contains(&point) {
                points.push(point);
            }
        }
    }
    let mut figures = Vec::new();
    for (experiment, archs) in experiments {
        let mut curves: Vec<Curve> = archs
            .into_iter()
            .map(|(arch, points)| (arch.to_owned(), points))
            .collect();
        curves.retain(|(_, points)| points.len() > 1);
        for (_, points) in &mut curves {
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
        }
        let score = records
            .iter()
            .map(|(_, record)| record)
            .find(|record| record.experiment == experiment);
        let score = score.and_then(|record| record.steps.first()?.scores.first());
        let (Some(score), false) = (score, curves.is_empty()) else {
            continue;
        };
        let values = || curves.iter().flat_map(|(_, points)| points.iter().map(|point| point.y));
        let (lowest, highest) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
        let margin = (highest - lowest).max(0.01 * highest.abs()) * 0.15;
        let chart = Chart {
            title: format!("{experiment}, compressed"),
            labels: ["megabytes of the file".into(), format!("test {}", score.name)],
            range: (lowest - margin).max(0.0)..highest + margin,
            legend: SeriesLabelPosition::LowerRight,
        };
        let svg = chart.svg(&curves).map_err(|error| error.of(experiment))?;
        figures.push((format!("{experiment}-compression.svg"), svg));
    }
    Ok(figures)
}

const BLEU: &str = "validation BLEU";

/// BLEU over updates where every record measured it during training, otherwise perplexity.
fn learning_curves(experiment: &str, rows: &[&Record]) -> Result<String, PlotError> {
    let has_bleu = |record: &&Record| record.curve.iter().filter(|point| point.valid_bleu.is_some()).count() > 1;
    let (label, value): (_, fn(&CurvePoint) -> Option<f64>) = if rows.iter().all(has_bleu) {
        (BLEU, |point| point.valid_bleu)
    } else {
        ("validation perplexity", |point| Some(point.valid_perplexity))
    };
    let curves: Vec<Curve> = rows
        .iter()
        .map(|record| {
            let points = record.curve.iter().filter_map(|point| {
                let y = value(point).filter(|y| y.is_finite())?;
                Some(Point {
                    x: point.update as f64,
                    y,
                    name: None,
                })
            });
            (record.arch.clone(), points.collect())
        })
        .collect();
    // An untrained model's perplexity would flatten everything that follows: the scale ends at four times the median.
    let mut values: Vec<f64> = curves
        .iter()
        .flat_map(|(_, points)| points.iter().map(|point| point.y))
        .collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(1.0);
    let highest = values
        .last()
        .copied()
        .unwrap_or(1.0)
        .min(4.0 * median)
        .max(f64::MIN_POSITIVE)
        * 1.05;
    let chart = Chart {
        title: experiment.into(),
        labels: ["updates".into(), label.into()],
        range: 0.0..highest,
        // Where neither rising nor falling curves pass.
        legend: match label {
            BLEU => SeriesLabelPosition::UpperLeft,
            _ => SeriesLabelPosition::UpperRight,
        },
    };
    chart.svg(&curves).map_err(|error| error.of(experiment))
}

/// A line through points, by its name.
type Curve = (String, Vec<Point>);

#[derive(Debug, Clone, PartialEq)]
struct Point {
    x: f64,
    y: f64,
    /// What stands beside it; a point without a name is not marked.
    name: Option<String>,
}

struct Chart {
    title: String,
    /// Of the axes.
    labels: [String; 2],
    /// What is shown of y; x begins at 0.
    range: Range<f64>,
    legend: SeriesLabelPosition,
}

/// What the drawing library says.
struct DrawError(String);

impl DrawError {
    fn of(self, experiment: &str) -> PlotError {
        PlotError {
            experiment: experiment.into(),
            reason: self.0,
        }
    }
}

impl Chart {
    fn svg(&self, curves: &[Curve]) -> Result<String, DrawError> {
        let mut svg = String::new();
        self.draw(&mut svg, curves)
            .map_err(|error| DrawError(error.to_string()))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String, curves: &[Curve]) -> Result<(), Box<dyn std::error::Error>> {
        let has_names = curves
            .iter()
            .any(|(_, points)| points.iter().any(|point| point.name.is_some()));
        let last = curves.iter().flat_map(|(_, points)| points.iter().map(|point| point.x));
        // A name takes room behind its point.
        let last = last.fold(1.0, f64::max) * if has_names { 1.25 } else { 1.0 };
        let highest = self.range.end;
        let digits = if last < 20.0 { 1 } else { 0 };

        let root = SVGBackend::with_string(svg, (720, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..last, self.range.clone())?;
        let y_digits = if highest - self.range.start < 5.0 { 1 } else { 0 };
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(&self.labels[0])
            .y_desc(&self.labels[1])
            .x_label_formatter(&|x| format!("{x:.digits$}"))
            .y_label_formatter(&|y| format!("{y:.y_digits$}"))
            .draw()?;
        for ((arch, points), colour) in curves.iter().zip(figure::colours()) {
            let visible = || points.iter().filter(|point| point.y <= highest);
            // Points with names are ways to go and not stations of one.
            let line = visible().filter(|point| point.name.is_none());
            figure::curve(&mut chart, arch, colour, line.map(|point| (point.x, point.y)))?;
            let named = visible().filter_map(|point| Some((point, point.name.as_deref()?)));
            chart.draw_series(named.map(|(point, name)| {
                EmptyElement::at((point.x, point.y))
                    + Circle::new((0, 0), 3, colour.filled())
                    + Text::new(name.to_owned(), (6, 3), ("sans-serif", 11))
            }))?;
        }
        figure::legend(&mut chart, self.legend.clone())?;
        root.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use experiments::Status;

    use super::*;
    use crate::tables::tests::record;

    #[test]
    fn every_record_that_is_shown_has_its_curve() {
        let records = [
            record("lite", "2026-01-01T00:00:00Z", 60.0, Status::Finished),
            record("transformer", "2026-01-01T00:00:00Z", 59.0, Status::Finished),
        ];
        let figures = figures(&records).unwrap();
        let (name, svg) = &figures[0];
        assert_eq!((figures.len(), name.as_str()), (1, "multi30k-enfr.svg"));
        for text in ["<svg", "lite", "transformer", "validation BLEU", "updates"] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(
            figures,
            super::figures(&records).unwrap(),
            "the same records give the same bytes"
        );
    }

    #[test]
    fn what_was_not_learnt_has_no_curve() {
        let learnt = record("lite", "2026-01-01T00:00:00Z", 60.0, Status::Finished);
        let (path, mut extracted) = record("lead-3", "2026-01-01T00:00:00Z", 30.0, Status::Finished);
        extracted.curve.clear();
        extracted.parameters = experiments::ParameterCounts::default();
        let both = figures(&[learnt.clone(), (path.clone(), extracted.clone())]).unwrap();
        assert_eq!(both, figures(&[learnt]).unwrap());
        assert!(both[0].1.contains("validation BLEU") && !both[0].1.contains("lead-3"));
        assert!(figures(&[(path, extracted)]).unwrap().is_empty());
    }

    fn compressed(bits: u32, steps: &[(&str, u64, f64)]) -> (PathBuf, CompressionRecord) {
        let steps: Vec<serde_json::Value> = steps
            .iter()
            .map(|(name, bytes, score)| {
                serde_json::json!({
                    "name": name,
                    "size": { "counted_bytes": bytes / 2, "file_bytes": bytes },
                    "parts": [],
                    "sparsity": 0.0,
                    "scores": [{ "name": "BLEU", "value": score, "signature": "" }],
                })
            })
            .collect();
        let (_, run) = record("lite", "2026-01-01T00:00:00Z", 60.0, Status::Finished);
        let record = serde_json::json!({
            "experiment": "small",
            "arch": "lite",
            "date": run.date,
            "commit": run.commit,
            "version": run.version,
            "definition": run.definition,
            "definition_hash": run.definition_hash,
            "seed": 1,
            "device": "flex",
            "machine": run.machine,
            "weights_sha256": "",
            "parameters": run.parameters,
            "settings": {
                "bits": bits, "embedding_bits": bits, "sensitivity": 0.0, "start": "linear", "fine_tune": 0,
            },
            "scan": [],
            "steps": steps,
            "file_sha256": "",
            "hypotheses": run.hypotheses,
        });
        ("small.json".into(), serde_json::from_value(record).unwrap())
    }

    #[test]
    fn what_compression_costs_is_drawn_from_the_first_and_last_step_of_each_record() {
        let records = [
            compressed(
                8,
                &[
                    ("float32", 10_000_000, 60.0),
                    ("8 bits", 3_000_000, 59.9),
                    ("8 bits + entropy coding", 2_500_000, 59.9),
                ],
            ),
            compressed(
                4,
                &[
                    ("float32", 10_000_000, 60.0),
                    ("4 bits + entropy coding", 1_500_000, 55.0),
                ],
            ),
        ];
        let figures = compression_figures(&records).unwrap();
        let (name, svg) = &figures[0];
        assert_eq!((figures.len(), name.as_str()), (1, "small-compression.svg"));
        // The floats of both records are one point.
        for (text, n) in [
            ("float32", 1),
            ("8 bits", 1),
            ("4 bits", 1),
            ("entropy", 0),
            ("<circle", 3),
        ] {
            assert_eq!(svg.matches(text).count(), n, "{text}: {svg}");
        }
        assert!(svg.contains("test BLEU") && svg.contains("megabytes of the file"));
    }
}
