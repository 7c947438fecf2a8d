//! The same definition on every backend that is compiled in: from the same weights, the same loss curve.
//!
//! With `--features wgpu` the GPU backend takes part, on whatever device it finds; a software Vulkan driver will do.

#[allow(dead_code, reason = "the program itself is not run here")]
mod common;

use burn::module::Module;
use burn::tensor::Device;
use common::Experiment;
use experiments::Definition;
use lite_data::progress::Silent;
use lite_data::{BatchConfig, PrepareOptions, Prepared, Update, prepare, updates};
use lite_eval::device::DeviceName;
use lite_model::{ModelConfig, VocabularySizes, weights};
use lite_train::config::TrainConfig;
use lite_train::devices::Devices;
use lite_train::optimiser::Optimiser;
use lite_train::update::{UpdateSettings, train};

const N_UPDATES: usize = 6;

/// Mean loss of every update.
fn curve(
    definition: &Definition,
    arch: &str,
    prepared: &Prepared,
    batches: &[Update],
    weights_path: &std::path::Path,
    device: Device,
) -> Vec<f64> {
    let config: ModelConfig = definition.section(&format!("arch.{arch}")).unwrap();
    let settings: TrainConfig = definition.section("train").unwrap();
    let sizes = VocabularySizes {
        source: prepared.source_vocabulary.len(),
        target: prepared.target_vocabulary.len(),
    };
    let training = device.autodiff();
    let mut model = weights::load(config.init(sizes, &training).unwrap(), weights_path).unwrap();
    let mut adam = Optimiser::new(settings.optimiser.clone());
    let mut curve = Vec::new();
    let devices = Devices::one(&training);
    for update in batches {
        let step = UpdateSettings {
            rate: 3e-3,
            label_smoothing: settings.label_smoothing,
            clip_norm: 1.0,
            seed: 1,
        };
        let (trained, sums) = train(model, &mut adam, update, step, &devices).expect("a device");
        model = trained;
        let sums: Vec<f32> = sums.into_data().try_to_vec().unwrap();
        curve.push(f64::from(sums[0]) / update.n_tokens as f64);
    }
    curve
}

#[test]
fn every_backend_has_the_same_loss_curve() {
    let experiment = Experiment::new();
    let path = experiment.path().join("toy.toml");
    let dropouts = ["dropout", "attention_dropout", "weight_dropout"];
    let overrides: Vec<String> = ["lite", "transformer"]
        .iter()
        .flat_map(|arch| dropouts.map(|key| format!("arch.{arch}.{key}=0.0")))
        .collect();
    let load = |overrides: &[String]| Definition::load(path.to_str().unwrap(), overrides).unwrap();
    let definition = load(&overrides);
    let evolved = "arch.transformer.architecture=\"evolved\"".to_owned();
    let evolved = load(&[overrides, vec![evolved]].concat());
    let options = PrepareOptions {
        data_root: experiment.path().join("data"),
        mirror: None,
        offline: true,
    };
    // The definition names its files relative to its own folder.
    std::env::set_current_dir(experiment.path()).unwrap();
    let prepared = prepare(&definition.section("data").unwrap(), &options, &Silent).unwrap();
    let config = BatchConfig {
        tokens_per_update: 96,
        tokens_per_group: 96,
        tokens_per_batch: 96,
        ..BatchConfig::default()
    };
    let batches: Vec<Update> = updates(&prepared.train, &config, 1, 0)
        .iter()
        .take(N_UPDATES)
        .map(|plan| plan.load(&prepared.train))
        .collect();
    assert_eq!(batches.len(), N_UPDATES);

    for (arch, name, definition) in [
        ("lite", "lite", &definition),
        ("transformer", "transformer", &definition),
        ("transformer", "evolved", &evolved),
    ] {
        let config: ModelConfig = definition.section(&format!("arch.{arch}")).unwrap();
        let sizes = VocabularySizes {
            source: prepared.source_vocabulary.len(),
            target: prepared.target_vocabulary.len(),
        };
        let first = experiment.path().join(format!("{name}.safetensors"));
        let device = Device::flex();
        device.seed(5);
        weights::save(&config.init(sizes, &device).unwrap().materialize(), &first).unwrap();

        let run = |device: DeviceName| curve(definition, arch, &prepared, &batches, &first, device.open().unwrap());
        let expected = run(DeviceName::Flex);
        assert!(
            expected[N_UPDATES - 1] < expected[0],
            "{name}: nothing is learnt, {expected:?}"
        );
        let others = DeviceName::ALL
            .into_iter()
            .filter(|device| *device != DeviceName::Flex && device.is_compiled_in());
        for device in others {
            // The Evolved Transformer has not been tried on a GPU yet.
            if name == "evolved" && !matches!(device, DeviceName::Flex | DeviceName::NdArray) {
                continue;
            }
            let found = run(device);
            for (update, (found, expected)) in found.iter().zip(&expected).enumerate() {
                // Sums in another order, and on a GPU other exponentials: 1e-6 in six updates on software Vulkan.
                let tolerance = 1e-4 * expected.abs();
                let what = format!("{name} on {device}, update {update}");
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{what}: loss {found}, on flex {expected}"
                );
            }
            eprintln!("{name}: flex {expected:.6?}, {device} {found:.6?}");
        }
    }
}
