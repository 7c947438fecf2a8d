//! The device's seed decides what is dropped, where nothing else does. Its generator is the process's, so that this test
//! has a process of its own.
#![cfg(feature = "flex")]

use burn::tensor::{Device, Tensor};
use lite_model::dropout::Dropout;

#[test]
fn the_device_seed_decides() {
    let device = Device::flex().autodiff();
    let dropped = |seed| {
        device.seed(seed);
        let ones = Tensor::<2>::ones([8, 33], &device);
        let dropout = Dropout::new(0.3);
        let first = dropout.forward(ones.clone()).into_data();
        (first, dropout.forward(ones).into_data())
    };
    let ((a, b), (c, d), (e, _)) = (dropped(1), dropped(1), dropped(2));
    assert_eq!((&a, &b), (&c, &d));
    assert_ne!(a, b);
    assert_ne!(a, e);
}
