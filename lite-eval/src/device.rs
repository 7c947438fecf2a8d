//! Which device computes: its name on the command line, and what of it is compiled in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use experiments::nearest;

/// A backend by name. A name that is not compiled in can be parsed, but not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// Burn's own CPU backend, the default.
    Flex,
    /// The CPU backend over the crate ndarray.
    NdArray,
    /// Vulkan, Metal, DirectX or WebGPU.
    Wgpu,
    /// NVIDIA.
    Cuda,
}

impl DeviceName {
    /// Every name.
    pub const ALL: [Self; 4] = [Self::Flex, Self::NdArray, Self::Wgpu, Self::Cuda];

    /// The name, which is also the Cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this build has it.
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Whether it is the processor, which is one device however many cores it has.
    pub fn is_processor(self) -> bool {
        matches!(self, Self::Flex | Self::NdArray)
    }

    /// The device, where there are several the first.
    pub fn open(self) -> Result<Device, DeviceError> {
        self.open_index(0)
    }

    /// Device `index` of this backend. A processor is one device, whatever the index.
    pub fn open_index(self, index: usize) -> Result<Device, DeviceError> {
        let _ = index;
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            Self::NdArray => {
                #[expect(deprecated, reason = "kept as a second CPU backend for as long as Burn has it")]
                let device = Device::ndarray();
                Ok(device)
            }
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(match index {
                0 => burn::tensor::DeviceKind::DefaultDevice,
                index => burn::tensor::DeviceKind::DiscreteGpu(index),
            })),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(index)),
            #[allow(unreachable_patterns, reason = "reached only without some of the features")]
            other => Err(DeviceError::NotCompiledIn(other)),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        Self::ALL
            .into_iter()
            .find(|device| device.name() == name)
            .ok_or_else(|| DeviceError::Unknown {
                name: name.into(),
                nearest: nearest(name, Self::ALL.map(Self::name)),
            })
    }
}

/// A device of this machine: a backend, and which of its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDevice {
    /// The backend.
    pub name: DeviceName,
    /// The number of the device there; 0 of a processor.
    pub index: usize,
}

impl LocalDevice {
    /// Opens it.
    pub fn open(self) -> Result<Device, DeviceError> {
        self.name.open_index(self.index)
    }
}

impl fmt::Display for LocalDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => write!(f, "{}", self.name),
            index => write!(f, "{}:{index}", self.name),
        }
    }
}

impl FromStr for LocalDevice {
    type Err = DeviceError;

    /// `cuda`, or `cuda:1`.
    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (name, index) = match text.split_once(':') {
            None => (text, 0),
            Some((name, index)) => {
                let index = index.parse().map_err(|_| DeviceError::Number(text.into()))?;
                (name, index)
            }
        };
        let name: DeviceName = name.parse()?;
        match name.is_processor() && index > 0 {
            true => Err(DeviceError::Single(name)),
            false => Ok(Self { name, index }),
        }
    }
}

/// Why there is no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No backend has this name.
    #[error("no device is named `{name}`{}; there are flex, ndarray, wgpu and cuda", did_you_mean(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// What follows the colon is no number.
    #[error("`{0}` is no device: expected a number behind the colon, such as cuda:1")]
    Number(String),
    /// A processor is one device.
    #[error("`{0}` is one device, whose cores share the work by themselves")]
    Single(DeviceName),
    /// The backend is left out of this build.
    #[error("the device `{0}` is not compiled in")]
    NotCompiledIn(DeviceName),
}

impl DeviceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { .. } | Self::Number(_) | Self::Single(_) => None,
            Self::NotCompiledIn(device) => Some(format!("build with `--features {device}`")),
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_the_nearest_is_offered() {
        assert_eq!("ndarray".parse(), Ok(DeviceName::NdArray));
        let message = |name: &str| name.parse::<DeviceName>().unwrap_err().to_string();
        let all = "there are flex, ndarray, wgpu and cuda";
        assert_eq!(
            message("wpgu"),
            format!("no device is named `wpgu` (did you mean `wgpu`?); {all}")
        );
        assert_eq!(message("tpu-pod"), format!("no device is named `tpu-pod`; {all}"));
    }

    #[test]
    fn a_device_of_several_has_its_number() {
        for (text, expected) in [
            ("cuda", "cuda"),
            ("cuda:0", "cuda"),
            ("cuda:1", "cuda:1"),
            ("flex:0", "flex"),
            (
                "cuda:x",
                "error: `cuda:x` is no device: expected a number behind the colon, such as cuda:1",
            ),
            (
                "flex:1",
                "error: `flex` is one device, whose cores share the work by themselves",
            ),
            (
                "tpu-pod:1",
                "error: no device is named `tpu-pod`; there are flex, ndarray, wgpu and cuda",
            ),
        ] {
            let found = match text.parse::<LocalDevice>() {
                Ok(device) => device.to_string(),
                Err(error) => format!("error: {error}"),
            };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_not_compiled_in_says_so() {
        for device in DeviceName::ALL.into_iter().filter(|device| !device.is_compiled_in()) {
            let error = device.open().expect_err("not compiled in");
            assert_eq!(error.hint(), Some(format!("build with `--features {device}`")));
        }
    }
}
