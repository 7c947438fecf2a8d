//! What a device is, where the arithmetic depends on it.

use burn::tensor::Device;

/// Whether `device` is Flex, whose training steps are kernels of this crate.
pub fn is_flex(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    if device.clone().inner() == Device::flex() {
        return true;
    }
    let _ = device;
    false
}

/// Whether tensors of `device` are arrays in main memory (flex, ndarray), so that plain loops may work on them and
/// reading one back costs nothing.
pub fn is_host(device: &Device) -> bool {
    if is_flex(device) {
        return true;
    }
    let device = device.clone().inner();
    #[cfg(feature = "ndarray")]
    #[expect(deprecated, reason = "kept as a second CPU backend for as long as Burn has it")]
    if device == Device::ndarray() {
        return true;
    }
    let _ = device;
    false
}
