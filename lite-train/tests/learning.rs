//! A small model learns to copy in seconds: loss, gradients, optimiser and schedule work together.

use burn::module::Module;
use burn::tensor::Device;
use lite_data::{Batch, Update};
use lite_eval::decode::DecodeConfig;
use lite_eval::device::DeviceName;
use lite_eval::translate;
use lite_eval::workers::Workers;
use lite_model::{Architecture, ModelConfig, VocabularySizes};
use lite_train::config::OptimiserConfig;
use lite_train::optimiser::Optimiser;
use lite_train::schedule::ScheduleConfig;
use lite_train::update::{UpdateSettings, train};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const VOCABULARY: usize = 16;
const LENGTH: usize = 8;

fn sentence(random: &mut ChaCha8Rng) -> Vec<i32> {
    let mut ids: Vec<i32> = (1..LENGTH).map(|_| random.random_range(4..VOCABULARY as i32)).collect();
    ids.push(2);
    ids
}

fn update(random: &mut ChaCha8Rng) -> Update {
    let rows = 32;
    let target_output: Vec<i32> = (0..rows).flat_map(|_| sentence(random)).collect();
    let target_input = target_output
        .chunks(LENGTH)
        .flat_map(|row| [&[2], &row[..LENGTH - 1]].concat())
        .collect();
    let batch = Batch {
        indices: (0..rows as u32).collect(),
        source: target_output.clone(),
        source_length: LENGTH,
        target_input,
        target_output,
        target_length: LENGTH,
        n_tokens: rows * LENGTH,
    };
    Update {
        n_tokens: batch.n_tokens,
        batches: vec![batch],
    }
}

fn copies(architecture: Architecture, device: &Device) -> usize {
    let training = device.clone().autodiff();
    training.seed(1);
    let config = ModelConfig {
        encoder_layers: 1,
        decoder_layers: 2,
        n_heads: 4,
        kernel_sizes: vec![3, 5],
        dropout: 0.0,
        ..ModelConfig::new(architecture, 32, 64)
    };
    let mut model = config.init(VocabularySizes::joint(VOCABULARY), &training).unwrap();
    let mut adam = Optimiser::new(OptimiserConfig::default());
    let schedule = ScheduleConfig {
        peak: 5e-3,
        warmup: 50,
        ..ScheduleConfig::default()
    };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let workers = Workers::for_device(&training);
    for n in 0..400 {
        let settings = UpdateSettings {
            rate: schedule.rate(n, 400),
            label_smoothing: 0.1,
            clip_norm: 1.0,
            seed: n,
        };
        (model, _) = train(model, &mut adam, &update(&mut random), settings, &training, &workers);
    }
    let unseen: Vec<Vec<u32>> = (0..50)
        .map(|_| sentence(&mut random).into_iter().map(|id| id as u32).collect())
        .collect();
    let hypotheses = translate(
        &model.valid(),
        &config,
        &unseen,
        &DecodeConfig::default(),
        device,
        &mut |_| {},
    );
    hypotheses
        .iter()
        .zip(&unseen)
        .filter(|(hypotheses, source)| hypotheses[0].tokens == **source)
        .count()
}

#[test]
fn architectures_learn_to_copy() {
    let device = DeviceName::Flex.open().unwrap();
    for architecture in [Architecture::Lite, Architecture::Transformer, Architecture::Evolved] {
        let n = copies(architecture, &device);
        assert!(n >= 45, "{architecture:?} copies {n} of 50 sentences");
    }
}
