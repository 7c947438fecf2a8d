//! Learning curves as SVG, from records alone: `results/figures/<experiment>.svg`.

use std::path::PathBuf;

use experiments::{CurvePoint, Record};
use plotters::prelude::*;

use crate::tables::newest;

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

/// The figures of all experiments that have a curve: the records that the tables show.
pub fn figures(records: &[(PathBuf, Record)]) -> Result<Vec<Figure>, PlotError> {
    let experiments = newest(records).into_iter();
    let curved = experiments.filter(|(_, rows)| rows.iter().any(|record| record.curve.len() > 1));
    curved
        .map(|(name, rows)| Ok((format!("{name}.svg"), learning_curves(name, &rows)?)))
        .collect()
}

/// BLEU over updates where every record measured it during training, otherwise perplexity.
fn learning_curves(experiment: &str, rows: &[&Record]) -> Result<String, PlotError> {
    let has_bleu = |record: &&Record| record.curve.iter().filter(|point| point.valid_bleu.is_some()).count() > 1;
    let (label, value): (_, fn(&CurvePoint) -> Option<f64>) = if rows.iter().all(has_bleu) {
        ("validation BLEU", |point| point.valid_bleu)
    } else {
        ("validation perplexity", |point| Some(point.valid_perplexity))
    };
    let curves: Vec<(&str, Vec<(f64, f64)>)> = rows
        .iter()
        .map(|record| {
            let points = record
                .curve
                .iter()
                .filter_map(|point| Some((point.update as f64, value(point)?)));
            (record.arch.as_str(), points.filter(|(_, y)| y.is_finite()).collect())
        })
        .collect();
    let mut svg = String::new();
    draw(&mut svg, experiment, label, &curves).map_err(|error| PlotError {
        experiment: experiment.into(),
        reason: error.to_string(),
    })?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    title: &str,
    label: &str,
    curves: &[(&str, Vec<(f64, f64)>)],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|(_, points)| points.iter().copied());
    let last = points().map(|(x, _)| x).fold(1.0, f64::max);
    // An untrained model's perplexity would flatten everything that follows: the scale ends at four times the median.
    let mut values: Vec<f64> = points().map(|(_, y)| y).collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(1.0);
    let highest = values
        .last()
        .copied()
        .unwrap_or(1.0)
        .min(4.0 * median)
        .max(f64::MIN_POSITIVE)
        * 1.05;

    let root = SVGBackend::with_string(svg, (720, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..last, 0.0..highest)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("updates")
        .y_desc(label)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    let colours = [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
    ];
    for ((arch, points), colour) in curves.iter().zip(colours.into_iter().cycle()) {
        let visible = points.iter().copied().filter(|(_, y)| *y <= highest);
        chart
            .draw_series(LineSeries::new(visible, colour.stroke_width(2)))?
            .label(*arch)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
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
}
