//! What a person sees when something fails: the cause, a hint where there is one, and whose fault it is.

use std::error::Error;

use experiments::{DefinitionError, Place, RunError};
use lite_data::{DataError, chain_text};
use lite_eval::bench::SizeError;
use lite_eval::bench::pair::UnknownKey;
use lite_eval::compare::CompareError;
use lite_eval::compress::score::JudgeError;
use lite_eval::compress::tune::NoTrainer;
use lite_eval::cost::CostError;
use lite_eval::device::DeviceError;
use lite_eval::evaluate::EvaluateError;
use lite_eval::export::ExportError;
use lite_eval::import::ImportError;
use lite_eval::metrics::MetricError;
use lite_eval::precision::PrecisionError;
use lite_eval::run::OpenError;

use super::compress::NothingToScan;

/// Writes `error:` and `hint:` lines.
pub fn report(error: &anyhow::Error) {
    eprintln!("error: {}", chain_text(error));
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("hint: {hint}");
    }
}

/// An error that the command line has caused, though its kind does not say so.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Usage(anyhow::Error);

/// Lays an error to the command line.
pub fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Usage(error.into()).into()
}

/// Lays an error to the command line if that has changed what it is about.
pub fn usage_if<E: Into<anyhow::Error>>(is_changed: bool) -> impl Fn(E) -> anyhow::Error {
    move |error| if is_changed { usage(error) } else { error.into() }
}

/// Whether the command line is at fault, and not what was read or done.
pub fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(is_misuse)
}

fn is_misuse(cause: &(dyn Error + 'static)) -> bool {
    if cause.is::<Usage>() || cause.is::<DeviceError>() || cause.is::<PrecisionError>() || cause.is::<UnknownKey>() {
        return true;
    }
    if let Some(error) = shown_instead(cause) {
        return is_misuse(error);
    }
    if let Some(error) = cause.downcast_ref::<DefinitionError>() {
        return is_of_command_line(error);
    }
    let size = cause.downcast_ref::<SizeError>();
    let cost = cause.downcast_ref::<CostError>();
    matches!(size, Some(SizeError::Unknown(_) | SizeError::Given(_)))
        || matches!(cost, Some(CostError::SourceLength { .. }))
}

/// Whether a name or an override is wrong, and not what stands in a file.
fn is_of_command_line(error: &DefinitionError) -> bool {
    match error {
        DefinitionError::UnknownName { .. }
        | DefinitionError::UnknownArch { .. }
        | DefinitionError::Override { .. } => true,
        DefinitionError::UnknownKey { place, .. }
        | DefinitionError::MissingKey { place, .. }
        | DefinitionError::Invalid { place, .. } => matches!(place, Place::Override(_)),
        _ => false,
    }
}

fn hint(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = shown_instead(cause) {
        return hint(error);
    }
    if let Some(error) = cause.downcast_ref::<DeviceError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<DataError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<DefinitionError>() {
        return definition_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<RunError>() {
        return run_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<ImportError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<MetricError>() {
        return error.hint();
    }
    if let Some(error) = cause.downcast_ref::<EvaluateError>() {
        return error.hint();
    }
    if let Some(CostError::SourceLength { .. }) = cause.downcast_ref::<CostError>() {
        return Some("give the length of its text with --target-length".into());
    }
    if cause.is::<NothingToScan>() {
        return Some("say how much becomes zero: --sparsity 0.44 is the paper's, --sparsity 0 prunes nothing".into());
    }
    if cause.is::<NoTrainer>() {
        return Some("build it with `cargo build -p lite-train`, or leave --fine-tune out".into());
    }
    match cause.downcast_ref::<OpenError>()? {
        OpenError::Altered { .. } | OpenError::Weights(_) => Some(
            "start the run again with lite-train, which goes on from its last good checkpoint, or import it again"
                .into(),
        ),
        OpenError::Model(error) if error.key == "task" => {
            Some("translate, score and evaluate take a run that translates, perplexity one of a language model".into())
        }
        OpenError::File(_) => Some("a .lite file is made by `lite-eval compress`; copy or make it again".into()),
        OpenError::Run(_)
        | OpenError::Definition(_)
        | OpenError::Data(_)
        | OpenError::Decode(_)
        | OpenError::Model(_)
        | OpenError::Packed(_) => None,
    }
}

/// The error that a transparent one shows in its own place. Among the causes it does not stand: they go on behind it.
fn shown_instead<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(Usage(error)) = cause.downcast_ref::<Usage>() {
        return Some(&**error);
    }
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return match error {
            OpenError::Run(error) => Some(error),
            OpenError::Definition(error) => Some(error),
            OpenError::Data(error) => Some(error),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<ExportError>() {
        return match error {
            ExportError::Open(error) => Some(&**error),
            ExportError::Run(error) => Some(error),
            ExportError::Data(error) => Some(error),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<ImportError>() {
        return match error {
            ImportError::Definition(error) => Some(error),
            ImportError::Run(error) => Some(error),
            ImportError::Data(error) => Some(error),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<JudgeError>() {
        return match error {
            JudgeError::Open(error) => Some(&**error),
            JudgeError::Evaluate(error) => Some(error),
        };
    }
    if let Some(error) = cause.downcast_ref::<CompareError>() {
        return match error {
            CompareError::Record(error) => Some(error),
            CompareError::Definition(error) => Some(error),
            _ => None,
        };
    }
    match (cause.downcast_ref::<CostError>(), cause.downcast_ref::<SizeError>()) {
        (Some(CostError::Size(error)), _) => Some(error),
        (Some(CostError::Definition(error)), _) | (_, Some(SizeError::Definition(error))) => Some(error),
        _ => None,
    }
}

fn definition_hint(error: &DefinitionError) -> Option<String> {
    matches!(error, DefinitionError::UnknownName { .. }).then(|| "`lite-train --list` prints all of them".into())
}

fn run_hint(error: &RunError) -> Option<String> {
    match error {
        RunError::NoRun { .. } => {
            Some("a run folder is runs/EXPERIMENT/ARCHITECTURE, made by `lite-train --exp EXPERIMENT`".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transparent_error_has_the_hint_of_what_it_shows() {
        let data = || DataError::Config {
            message: "wrong".into(),
            hint: "do this".into(),
        };
        let errors: [anyhow::Error; 7] = [
            data().into(),
            OpenError::from(data()).into(),
            EvaluateError::from(data()).into(),
            ImportError::from(data()).into(),
            ExportError::from(OpenError::from(data())).into(),
            JudgeError::from(OpenError::from(data())).into(),
            JudgeError::from(EvaluateError::from(data())).into(),
        ];
        for error in errors {
            let error = error.context("somewhere");
            assert_eq!(error.chain().find_map(hint).as_deref(), Some("do this"), "{error:?}");
        }
    }

    #[test]
    fn the_command_line_is_told_from_what_it_names() {
        let key = |place| DefinitionError::Invalid {
            place,
            key: "train.updates".into(),
            message: "wrong".into(),
        };
        let unknown = || DefinitionError::UnknownName {
            name: "quik".into(),
            nearest: None,
        };
        let errors: [(anyhow::Error, bool); 10] = [
            (unknown().into(), true),
            (CostError::from(SizeError::from(unknown())).into(), true),
            (key(Place::Override("train.updates=x".into())).into(), true),
            (key(Place::Line("my.toml".into(), 3)).into(), false),
            (
                OpenError::from(key(Place::File("definition.json".into()))).into(),
                false,
            ),
            (SizeError::Given(3).into(), true),
            (DeviceError::Number("cuda:x".into()).into(), true),
            (PrecisionError::NoTraining.into(), true),
            (MetricError::Empty.into(), false),
            (usage(MetricError::Empty), true),
        ];
        for (error, expected) in errors {
            let error = error.context("somewhere");
            assert_eq!(is_usage(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn what_is_laid_to_the_command_line_reads_as_before() {
        let data = DataError::Config {
            message: "wrong".into(),
            hint: "do this".into(),
        };
        let error = usage(anyhow::Error::from(data).context("somewhere"));
        assert_eq!(chain_text(&error), "somewhere: [data]: wrong");
        assert_eq!(error.chain().find_map(hint).as_deref(), Some("do this"));
    }
}
