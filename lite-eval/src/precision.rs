//! What a translation is computed in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use experiments::nearest;
use lite_model::Seq2Seq;
use lite_model::device::is_host;

/// The arithmetic of linear layers, embeddings and vocabulary projection. The rest is always in single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Weights and inputs of 8 bits with a scale for each output channel and each row, summed exactly: on a CPU.
    Int8,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 2] = [Self::F32, Self::Int8];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }

    /// Refuses what `device` cannot compute.
    pub fn check(self, device: &Device) -> Result<(), PrecisionError> {
        if self == Self::Int8 && !is_host(device) {
            return Err(PrecisionError::NoCpu);
        }
        Ok(())
    }

    /// The model in this precision, which then only translates.
    pub fn of(self, model: Seq2Seq) -> Seq2Seq {
        match self {
            Self::F32 => model,
            Self::Int8 => model.to_int8(),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(name: &str) -> Result<Self, PrecisionError> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == name)
            .ok_or_else(|| PrecisionError::Unknown {
                name: name.into(),
                nearest: nearest(name, Self::ALL.map(Self::name)),
            })
    }
}

/// Why a precision cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrecisionError {
    /// None has this name.
    #[error(
        "no precision is named `{name}`{}; there are f32 and int8",
        .nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// Integers are for CPUs.
    #[error("int8 computes on a CPU: it goes with the devices flex and ndarray")]
    NoCpu,
    /// Integers do not learn.
    #[error("int8 translates, it does not train")]
    NoTraining,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_the_nearest_is_offered() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
        let message = "int".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(
            message,
            "no precision is named `int` (did you mean `int8`?); there are f32 and int8"
        );
    }
}
