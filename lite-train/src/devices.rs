//! The devices that share every update of a training.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use anyhow::Context;
use burn::tensor::{Device, Tensor};
use lite_eval::device::{DeviceError, DeviceName, LocalDevice};
use lite_eval::precision::Precision;
use lite_eval::workers::Workers;
use lite_model::device::is_host;

/// Where a device is: a backend of this program and the number of the device there, or the address of a program that serves
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `cuda`, or `cuda:1`.
    Local(LocalDevice),
    /// `ws://host:port`, what `lite-train serve` writes.
    Remote(String),
}

/// Devices by their places, the main one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<Place>);

/// Why there are no such devices.
#[derive(thiserror::Error, Debug)]
pub enum PlacesError {
    /// A name is none of a device.
    #[error(transparent)]
    Name(#[from] DeviceError),
    /// A processor is one device.
    #[error("`{0}` is one device, whose cores share an update by themselves")]
    Single(DeviceName),
    /// The same place is there twice.
    #[error("the device `{0}` is named twice")]
    Twice(Place),
    /// `--devices` beside a list.
    #[error("`--devices` counts the devices of one kind, found `{0}`")]
    Counted(Places),
    /// This build cannot reach other programs.
    #[error("the device `{0}` is remote, and this build has no remote devices")]
    NotCompiledIn(String),
    /// No program serves there.
    #[error("the device `{url}` cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What failed.
        reason: String,
    },
}

impl PlacesError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Name(error) => error.hint(),
            Self::Twice(_) => None,
            Self::Single(_) => Some("leave `--devices` out; RAYON_NUM_THREADS limits the cores".into()),
            Self::Counted(_) => Some("write one name, such as `--device cuda --devices 2`".into()),
            Self::NotCompiledIn(_) => Some("build with `--features remote`".into()),
            Self::Unreachable { .. } => {
                Some("start `lite-train serve` there, with the same LITE_TRAIN_TOKEN in its environment, if any".into())
            }
        }
    }
}

impl FromStr for Place {
    type Err = PlacesError;

    fn from_str(text: &str) -> Result<Self, PlacesError> {
        if text.starts_with("ws://") {
            return Ok(Self::Remote(text.into()));
        }
        match text.parse::<LocalDevice>() {
            Ok(device) => Ok(Self::Local(device)),
            // What its cores share here are updates.
            Err(DeviceError::Single(name)) => Err(PlacesError::Single(name)),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(device) => write!(f, "{device}"),
            Self::Remote(url) => f.write_str(url),
        }
    }
}

impl FromStr for Places {
    type Err = PlacesError;

    fn from_str(text: &str) -> Result<Self, PlacesError> {
        let places = text.split(',').map(str::parse).collect::<Result<Vec<Place>, _>>()?;
        for (i, place) in places.iter().enumerate() {
            if places[..i].contains(place) {
                return Err(PlacesError::Twice(place.clone()));
            }
        }
        Ok(Self(places))
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Place::to_string).collect();
        f.write_str(&names.join(","))
    }
}

impl Place {
    /// Opens the device, without autodiff.
    pub fn open(&self) -> Result<Device, PlacesError> {
        match self {
            Self::Local(device) => Ok(device.open()?),
            Self::Remote(url) => remote(url),
        }
    }
}

/// Refuses a precision in which one of the devices cannot train.
pub fn check_precision(precision: Precision, devices: &[(String, Device)]) -> anyhow::Result<()> {
    for (name, device) in devices {
        let place = || format!("train.precision with the device {name}");
        precision.check_training(device).with_context(place)?;
    }
    Ok(())
}

impl Places {
    /// `n` devices of the kind that is named, from its first on.
    pub fn times(self, n: usize) -> Result<Self, PlacesError> {
        match self.0[..] {
            _ if n == 1 => Ok(self),
            [Place::Local(LocalDevice { name, index: 0 })] if name.is_processor() => Err(PlacesError::Single(name)),
            [Place::Local(LocalDevice { name, index: 0 })] => {
                let nth = |index| Place::Local(LocalDevice { name, index });
                Ok(Self((0..n).map(nth).collect()))
            }
            _ => Err(PlacesError::Counted(self)),
        }
    }

    /// Opens them all, without autodiff, each with its name.
    pub fn open(&self) -> Result<Vec<(String, Device)>, PlacesError> {
        self.0
            .iter()
            .map(|place| Ok((place.to_string(), place.open()?)))
            .collect()
    }
}

#[cfg(not(feature = "remote"))]
fn remote(url: &str) -> Result<Device, PlacesError> {
    Err(PlacesError::NotCompiledIn(url.into()))
}

#[cfg(feature = "remote")]
fn remote(url: &str) -> Result<Device, PlacesError> {
    use burn::tensor::remote::RemoteHost;
    let mut host = RemoteHost::websocket(url);
    if let Some(token) = crate::serve::token() {
        host = host.with_credential(token);
    }
    Device::remote_options(&host)
        .init()
        .map_err(|error| PlacesError::Unreachable {
            url: url.into(),
            reason: error.to_string(),
        })
}

/// Open devices that share updates: the batches of an update are dealt out to them, and the first, which has the model and
/// its optimiser, gets the sums of their gradients.
#[derive(Debug)]
pub struct Devices(Vec<Member>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Member {
    pub name: String,
    /// With autodiff.
    pub device: Device,
    pub workers: Workers,
}

/// A device that ended in the middle of an update.
#[derive(thiserror::Error, Debug)]
#[error("the device `{name}` was lost: {reason}")]
pub struct DeviceLost {
    /// Its name.
    pub name: String,
    /// What it said last.
    pub reason: String,
}

impl Devices {
    /// Devices by name, the main one first.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn new(devices: impl IntoIterator<Item = (String, Device)>) -> Self {
        let member = |(name, device): (String, Device)| Member {
            name,
            workers: Workers::for_device(&device),
            device: device.autodiff(),
        };
        let members: Vec<Member> = devices.into_iter().map(member).collect();
        assert!(!members.is_empty(), "a device");
        Self(members)
    }

    /// One device alone.
    pub fn one(device: &Device) -> Self {
        Self::new([("device".to_owned(), device.clone().inner())])
    }

    /// One device, and the threads of a processor that compute on it.
    pub fn with_workers(device: &Device, workers: Workers) -> Self {
        let mut devices = Self::one(device);
        devices.0[0].workers = workers;
        devices
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The one that has the model.
    pub fn main(&self) -> &Device {
        &self.0[0].device
    }

    /// Threads of the main one.
    pub fn workers(&self) -> &Workers {
        &self.0[0].workers
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.0
    }
}

impl Member {
    /// What `work` finds, or that the device was lost: whatever needs it panics then. A panic of the processor is another.
    pub(crate) fn guard<T>(&self, work: impl FnOnce() -> T) -> Result<T, DeviceLost> {
        if is_host(&self.device) {
            return Ok(work());
        }
        catch_unwind(AssertUnwindSafe(work)).map_err(|panic| self.lost(message(&*panic)))
    }

    /// Whether the device still computes.
    pub(crate) fn answers(&self) -> bool {
        let device = self.device.clone().inner();
        self.guard(|| Tensor::<1>::ones([1], &device).into_data()).is_ok()
    }

    /// That it does not.
    pub(crate) fn lost(&self, reason: String) -> DeviceLost {
        DeviceLost {
            name: self.name.clone(),
            reason,
        }
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no reason is known").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> String {
        match text.parse::<Places>() {
            Ok(places) => places.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn lists_are_read_and_written() {
        for text in [
            "flex",
            "flex,ndarray",
            "cuda,cuda:1,cuda:3",
            "flex,ws://10.0.0.2:3000,ws://10.0.0.3:3000",
        ] {
            assert_eq!(places(text), text);
        }
        assert_eq!(places("cuda:0"), "cuda");
        for (text, expected) in [
            (
                "cuda:x",
                "error: `cuda:x` is no device: expected a number behind the colon, such as cuda:1",
            ),
            (
                "flex:1",
                "error: `flex` is one device, whose cores share an update by themselves",
            ),
            ("cuda:0,cuda", "error: the device `cuda` is named twice"),
            (
                "cuda,tpu-pod",
                "error: no device is named `tpu-pod`; there are flex, ndarray, wgpu and cuda",
            ),
        ] {
            assert_eq!(places(text), expected);
        }
    }

    #[test]
    fn devices_of_one_kind_are_counted() {
        let times = |text: &str, n| {
            let places = text.parse::<Places>().expect("a list").times(n);
            places.map_or_else(|error| error.to_string(), |places| places.to_string())
        };
        assert_eq!(times("cuda", 3), "cuda,cuda:1,cuda:2");
        assert_eq!(times("flex", 1), "flex");
        assert_eq!(
            times("flex", 2),
            "`flex` is one device, whose cores share an update by themselves"
        );
        assert_eq!(
            times("cuda,cuda:2", 2),
            "`--devices` counts the devices of one kind, found `cuda,cuda:2`"
        );
    }
}
