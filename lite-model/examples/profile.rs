//! scratch
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
use burn::tensor::*;
use lite_model::*;
use std::time::Instant;
fn main() {
    let arch = std::env::args().nth(1).unwrap();
    let dropout: f64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let device = Device::flex().autodiff();
    let mut c = match arch.as_str() {
        "lite" => ModelConfig::new(Architecture::Lite, 152, 152),
        _ => ModelConfig::new(Architecture::Transformer, 128, 256),
    };
    c.encoder_layers = 4; c.decoder_layers = 4; c.n_heads = 4; c.dropout = dropout;
    let model = c.init(VocabularySizes::joint(10000), &device).unwrap();
    let (b, t) = (256, 16);
    let ids: Vec<i32> = (0..b * t).map(|i| 4 + (i as i32 * 7919) % 9990).collect();
    let src = Tensor::<2, Int>::from_data(TensorData::new(ids, [b, t]), &device);
    for i in 0..12 {
        let s = Instant::now();
        let f = model.features(src.clone(), src.clone());
        let fw = s.elapsed();
        let _g = f.sum().backward();
        if i > 1 { println!("fwd {:?} total {:?}", fw, s.elapsed()); }
    }
}
