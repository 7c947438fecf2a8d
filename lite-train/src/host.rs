//! Which devices keep tensors in the program's own memory, so that plain loops may work on them in place.

use burn::tensor::Device;

/// Whether tensors of `device` are arrays in main memory (flex, ndarray).
pub fn is_host(device: &Device) -> bool {
    let device = device.clone().inner();
    #[cfg(feature = "flex")]
    if device == Device::flex() {
        return true;
    }
    #[cfg(feature = "ndarray")]
    if device == ndarray() {
        return true;
    }
    let _ = device;
    false
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "kept as a second CPU backend for as long as Burn has it")]
pub(crate) fn ndarray() -> Device {
    Device::ndarray()
}
