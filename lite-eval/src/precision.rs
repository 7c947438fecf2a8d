//! What a translation or a training step is computed in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, FloatDType};
use experiments::nearest;
use lite_model::device::is_host;
use lite_model::error::ConfigError;
use lite_model::kernels::round_products;
use lite_model::{ModelConfig, Seq2Seq};
use serde::{Deserialize, Serialize};

/// The arithmetic of linear layers, embeddings and vocabulary projection. The rest is always in single precision.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// In training, what is multiplied rounded to bfloat16; weights in single precision: on Flex, and on GPUs that have it.
    Bf16,
    /// Weights and inputs of 8 bits with a scale for each output channel and each row, summed exactly: on a CPU.
    Int8,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// What a model computes in where nothing learns.
    pub fn of_model(model: &Seq2Seq) -> Self {
        match model.int8_projection() {
            Some(_) => Self::Int8,
            None => Self::F32,
        }
    }

    /// Refuses what `device` cannot search with.
    pub fn check_search(self, device: &Device) -> Result<(), PrecisionError> {
        match self {
            Self::F32 => Ok(()),
            Self::Bf16 => Err(PrecisionError::NoSearch),
            Self::Int8 if is_host(device) => Ok(()),
            Self::Int8 => Err(PrecisionError::NoCpu),
        }
    }

    /// Refuses what `device` cannot train in.
    pub fn check_training(self, device: &Device) -> Result<(), PrecisionError> {
        match self {
            Self::F32 => Ok(()),
            Self::Bf16 if device.clone().inner().supports_dtype(FloatDType::BF16) => Ok(()),
            Self::Bf16 => Err(PrecisionError::NoBf16),
            Self::Int8 => Err(PrecisionError::NoTraining),
        }
    }

    /// Makes it what this process trains in, once it is checked.
    pub fn use_in_training(self) {
        round_products(self == Self::Bf16);
    }

    /// The model of that architecture in this precision, which then only translates.
    ///
    /// # Errors
    ///
    /// In 8 bits its rows are too wide for exact sums.
    pub fn of(self, model: Seq2Seq, config: &ModelConfig) -> Result<Seq2Seq, ConfigError> {
        match self {
            Self::F32 | Self::Bf16 => Ok(model),
            Self::Int8 => {
                config.check_int8()?;
                Ok(model.to_int8())
            }
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Precision> for &'static str {
    fn from(precision: Precision) -> Self {
        precision.name()
    }
}

impl TryFrom<String> for Precision {
    type Error = PrecisionError;

    fn try_from(name: String) -> Result<Self, PrecisionError> {
        name.parse()
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
        "no precision is named `{name}`{}; there are f32, bf16 and int8",
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
    /// The device has no such numbers.
    #[error("this device does not compute in bf16: flex does, and so do GPUs that have it")]
    NoBf16,
    /// Searches have integers for being fast.
    #[error("bf16 trains, it does not translate; there are f32 and int8")]
    NoSearch,
    /// Integers do not learn.
    #[error("int8 translates, it does not train; there are f32 and bf16")]
    NoTraining,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_the_nearest_is_offered() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
            let json = serde_json::to_string(&precision).unwrap();
            assert_eq!(json, format!("\"{precision}\""));
            assert_eq!(serde_json::from_str::<Precision>(&json).unwrap(), precision);
        }
        let message = "int".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(
            message,
            "no precision is named `int` (did you mean `int8`?); there are f32, bf16 and int8"
        );
    }
}
