//! How cost grows with one quantity: a record of measurements and a figure of them.

use plotters::coord::Shift;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Task;
use crate::figure;

/// What is varied while all else stays.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Tokens of a source and of a target.
    Length,
    /// Words of both vocabularies.
    Vocabulary,
    /// Channels, d_model.
    Width,
    /// Sentences.
    Batch,
}

impl Axis {
    /// Every axis.
    pub const ALL: [Self; 4] = [Self::Length, Self::Vocabulary, Self::Width, Self::Batch];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Vocabulary => "vocabulary",
            Self::Width => "width",
            Self::Batch => "batch",
        }
    }

    /// What a figure writes beneath it.
    fn label(self) -> &'static str {
        match self {
            Self::Length => "tokens of a sentence",
            Self::Vocabulary => "words",
            Self::Width => "channels",
            Self::Batch => "sentences",
        }
    }

    /// Where it is measured unless one says otherwise.
    pub fn values(self) -> &'static [usize] {
        match self {
            Self::Length => &[32, 64, 128, 256, 512, 1024],
            Self::Vocabulary => &[1000, 4000, 16_000, 64_000],
            Self::Width => &[64, 128, 256, 512],
            Self::Batch => &[1, 4, 16, 64],
        }
    }
}

/// Measurements of several architectures along an axis.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Scale {
    /// What was timed.
    pub task: Task,
    /// What was varied.
    pub axis: Axis,
    /// When.
    pub date: String,
    /// On which machine.
    pub machine: String,
    /// One for each architecture and value, as `lite-eval bench TASK --json` prints them.
    pub points: Vec<Point>,
}

/// One measurement.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Point {
    /// Architecture.
    pub arch: String,
    /// Of the axis.
    pub value: usize,
    /// Everything that was printed.
    pub found: Json,
}

/// A figure that could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the figure cannot be drawn: {0}")]
pub struct DrawError(String);

impl Scale {
    /// Seconds of a batch and peak memory along the axis, both scales logarithmic, as SVG.
    pub fn figure(&self) -> Result<String, DrawError> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| DrawError(error.to_string()))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, (920, 400)).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(460);
        self.panel(&left, "median_seconds", "seconds a batch")?;
        self.panel(&right, "peak_rss_mib", "peak MiB")?;
        root.present()?;
        Ok(())
    }

    /// The curves of one quantity: for each architecture its name and points.
    fn curves(&self, key: &str) -> Vec<(&str, Vec<(f64, f64)>)> {
        let mut curves: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
        for point in &self.points {
            let Some(y) = point.found[key].as_f64().filter(|y| *y > 0.0) else {
                continue;
            };
            let place = curves.iter().position(|(arch, _)| *arch == point.arch);
            let place = place.unwrap_or_else(|| {
                curves.push((&point.arch, Vec::new()));
                curves.len() - 1
            });
            curves[place].1.push((point.value as f64, y));
        }
        curves
    }

    fn panel(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        key: &str,
        label: &str,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let curves = self.curves(key);
        let points = || curves.iter().flat_map(|(_, points)| points.iter().copied());
        let range = |values: Vec<f64>| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(0.0, f64::max);
            if low < high { low * 0.8..high * 1.25 } else { 0.1..10.0 }
        };
        let xs = range(points().map(|(x, _)| x).collect());
        let ys = range(points().map(|(_, y)| y).collect());
        let mut chart = ChartBuilder::on(area)
            .caption(
                format!("{} by {}: {label}", self.task.name(), self.axis.name()),
                ("sans-serif", 15),
            )
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(58)
            .build_cartesian_2d(xs.log_scale(), ys.log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.axis.label())
            .y_desc(label)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y}"))
            .draw()?;
        for ((arch, points), colour) in curves.iter().zip(figure::colours()) {
            figure::curve(&mut chart, arch, colour, points.iter().copied())?;
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        }
        figure::legend(&mut chart, SeriesLabelPosition::UpperLeft)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_keeps_its_figure() {
        let point = |arch: &str, value, seconds| Point {
            arch: arch.into(),
            value,
            found: json!({"median_seconds": seconds, "peak_rss_mib": 20.5}),
        };
        let scale = Scale {
            task: Task::Beam,
            axis: Axis::Length,
            date: "2026-01-01T00:00:00Z".into(),
            machine: "a machine".into(),
            points: vec![
                point("lite", 32, 0.5),
                point("transformer", 32, 0.25),
                point("lite", 64, 1.0),
                point("transformer", 64, 0.75),
            ],
        };
        assert_eq!(
            scale.curves("median_seconds"),
            [
                ("lite", vec![(32.0, 0.5), (64.0, 1.0)]),
                ("transformer", vec![(32.0, 0.25), (64.0, 0.75)])
            ]
        );
        let svg = scale.figure().unwrap();
        for text in [
            "<svg",
            "lite",
            "transformer",
            "seconds a batch",
            "peak MiB",
            "tokens of a sentence",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        let json = serde_json::to_string(&scale).unwrap();
        let read: Scale = serde_json::from_str(&json).unwrap();
        assert_eq!(read.figure().unwrap(), svg, "the same record gives the same bytes");
    }
}
