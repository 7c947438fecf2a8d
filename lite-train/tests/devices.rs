//! Several devices that share an update give what one gives.

#[allow(dead_code, reason = "the program itself is not run here")]
mod common;

use std::sync::Mutex;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use common::Experiment;
use experiments::Definition;
use lite_data::progress::Silent;
use lite_data::{BatchConfig, PrepareOptions, Update, prepare, updates};
use lite_eval::device::DeviceName;
use lite_model::{ModelConfig, Seq2Seq, VocabularySizes};
use lite_train::config::TrainConfig;
use lite_train::devices::Devices;
use lite_train::optimiser::Optimiser;
use lite_train::update::{UpdateSettings, gradients, train};

/// The values of all gradients, in the order of the parameters.
fn values(model: &Seq2Seq, gradients: &GradientsParams) -> Vec<f32> {
    struct Read<'a>(&'a GradientsParams, Vec<f32>);
    impl ModuleVisitor for Read<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id).expect("every parameter has one");
            assert_eq!(gradient.device(), param.val().device().inner(), "on the main device");
            self.1.extend(gradient.into_data().as_slice::<f32>().unwrap());
        }
    }
    let mut read = Read(gradients, Vec::new());
    model.visit(&mut read);
    read.1
}

/// A model without dropout, and updates of several batches each.
struct Case {
    config: ModelConfig,
    sizes: VocabularySizes,
    updates: Vec<Update>,
}

impl Case {
    fn new(arch: &str) -> Self {
        let experiment = Experiment::new();
        let overrides = ["dropout", "attention_dropout", "weight_dropout"].map(|key| format!("arch.{arch}.{key}=0.0"));
        let definition = Definition::load(experiment.path().join("toy.toml").to_str().unwrap(), &overrides).unwrap();
        let config: ModelConfig = definition.section(&format!("arch.{arch}")).unwrap();
        let options = PrepareOptions {
            data_root: experiment.path().join("data"),
            mirror: None,
            offline: true,
        };
        let prepared = {
            // The definition names its files relative to its own folder.
            static FOLDER: Mutex<()> = Mutex::new(());
            let _alone = FOLDER.lock().unwrap();
            std::env::set_current_dir(experiment.path()).unwrap();
            prepare(&definition.section("data").unwrap(), &options, &Silent).unwrap()
        };
        let batches = BatchConfig {
            tokens_per_update: 480,
            tokens_per_group: 480,
            tokens_per_batch: 96,
            ..BatchConfig::default()
        };
        let plans = updates(&prepared.train, &batches, 1, 0);
        let updates: Vec<Update> = plans.iter().take(3).map(|plan| plan.load(&prepared.train)).collect();
        assert!(updates.iter().all(|update| update.batches.len() >= 4));
        Self {
            config,
            sizes: VocabularySizes {
                source: prepared.source_vocabulary.len(),
                target: prepared.target_vocabulary.len(),
            },
            updates,
        }
    }

    fn gradients_equal_those_of_one(&self, model: &Seq2Seq, devices: &Devices) {
        let settings = UpdateSettings {
            rate: 3e-3,
            label_smoothing: 0.1,
            clip_norm: 0.0,
            seed: 1,
        };
        let one = Devices::one(devices.main());
        for update in &self.updates {
            let (expected, expected_sums) = gradients(model, update, &settings, &one).expect("a device");
            let (found, sums) = gradients(model, update, &settings, devices).expect("devices");
            let sums: Vec<f32> = sums.into_data().try_to_vec().unwrap();
            let expected_sums: Vec<f32> = expected_sums.into_data().try_to_vec().unwrap();
            for (found, expected) in sums.iter().zip(&expected_sums) {
                assert!(
                    (found - expected).abs() <= 2e-6 * expected.abs(),
                    "loss {found}, expected {expected}"
                );
            }
            let (found, expected) = (values(model, &found), values(model, &expected));
            let length = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            let apart: Vec<f32> = found
                .iter()
                .zip(&expected)
                .map(|(found, expected)| found - expected)
                .collect();
            let distance = length(&apart) / length(&expected);
            assert!(distance < 2e-6, "gradients are {distance} apart");
        }
    }

    fn weights_follow_those_of_one(&self, model: &Seq2Seq, devices: &Devices) {
        let run = |devices: &Devices| -> Vec<f64> {
            let mut model = model.clone();
            let mut adam = Optimiser::new(TrainConfig::new(3, 480).optimiser);
            let mut losses = Vec::new();
            for update in &self.updates {
                let settings = UpdateSettings {
                    rate: 1e-3,
                    label_smoothing: 0.1,
                    clip_norm: 1.0,
                    seed: 1,
                };
                let (trained, sums) = train(model, &mut adam, update, settings, devices).expect("devices");
                model = trained;
                let sums: Vec<f32> = sums.into_data().try_to_vec().unwrap();
                losses.push(f64::from(sums[0]) / update.n_tokens as f64);
            }
            losses
        };
        let (expected, found) = (run(&Devices::one(devices.main())), run(devices));
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-4,
                "losses {found:?}, expected {expected:?}"
            );
        }
        assert!(expected[0] - expected[2] > 1e-3, "it learns: {expected:?}");
    }
}

#[test]
fn two_devices_equal_one() {
    let names = [DeviceName::Flex, DeviceName::NdArray];
    if !names.iter().all(|name| name.is_compiled_in()) {
        return;
    }
    for arch in ["lite", "transformer"] {
        let case = Case::new(arch);
        let open = |name: DeviceName| (name.to_string(), name.open().unwrap());
        for order in [names, [names[1], names[0]]] {
            let devices = Devices::new(order.map(open));
            let device: &Device = devices.main();
            device.seed(1);
            let model: Seq2Seq = case.config.init(case.sizes, device).unwrap().materialize();
            case.gradients_equal_those_of_one(&model, &devices);
            case.weights_follow_those_of_one(&model, &devices);
        }
    }
}

#[cfg(feature = "remote")]
mod remote {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use lite_train::devices::Places;

    use super::*;

    /// A program that serves a device, until it is dropped.
    struct Server {
        process: Child,
        url: String,
    }

    impl Server {
        fn start() -> Self {
            let mut process = Command::new(env!("CARGO_BIN_EXE_lite-train"))
                .args(["serve", "--listen", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut url = String::new();
            BufReader::new(process.stdout.take().unwrap())
                .read_line(&mut url)
                .unwrap();
            assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
            Self {
                process,
                url: url.trim().to_owned(),
            }
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    #[test]
    fn two_servers_equal_one_device() {
        let servers = [Server::start(), Server::start()];
        let case = Case::new("lite");
        let places: Places = format!("flex,{},{}", servers[0].url, servers[1].url).parse().unwrap();
        let devices = Devices::new(places.open().unwrap());
        devices.main().seed(1);
        let model: Seq2Seq = case.config.init(case.sizes, devices.main()).unwrap().materialize();
        case.gradients_equal_those_of_one(&model, &devices);
        case.weights_follow_those_of_one(&model, &devices);
    }

    #[test]
    fn a_run_on_servers_alone_ends_with_a_record() {
        let servers = [Server::start(), Server::start()];
        let experiment = Experiment::new();
        let device = format!("{},{}", servers[0].url, servers[1].url);
        let (found, _) = experiment.train(
            "runs",
            &["--arch", "lite", "--device", &device, "--set", "train.updates=6"],
        );
        assert!(found.contains("BLEU"), "{found}");
    }

    #[test]
    fn a_lost_server_ends_the_run_with_its_last_checkpoint_whole() {
        for is_main in [false, true] {
            let mut server = Server::start();
            let experiment = Experiment::new();
            let device = match is_main {
                true => format!("{},flex", server.url),
                false => format!("flex,{}", server.url),
            };
            let arguments = ["--arch", "lite", "--set", "train.updates=100000", "--device", &device];
            let mut command = experiment.command("runs", &arguments);
            let mut training = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let mut lines = BufReader::new(training.stderr.take().unwrap()).lines();
            let checkpoints = experiment.run_folder("runs", "lite").join("checkpoints");
            let n_checkpoints = || std::fs::read_dir(&checkpoints).map_or(0, Iterator::count);
            let began = Instant::now();
            while n_checkpoints() < 2 {
                let has_ended = training.try_wait().unwrap().is_some();
                if has_ended || began.elapsed() > Duration::from_secs(180) {
                    let _ = training.kill();
                    panic!(
                        "no two checkpoints: {:#?}",
                        lines.map_while(Result::ok).collect::<Vec<_>>()
                    );
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            server.process.kill().unwrap();
            let said: Vec<String> = lines.by_ref().map_while(Result::ok).collect();
            assert_eq!(training.wait().unwrap().code(), Some(1), "{said:#?}");
            let error = said.iter().find(|line| line.starts_with("error: ")).expect("an error");
            assert!(
                error.contains(&format!("the device `{}` was lost", server.url)),
                "{error}"
            );
            let names = std::fs::read_dir(&checkpoints).unwrap();
            let updates = names.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u64>().ok());
            let kept = updates.max().expect("a checkpoint");
            // What is there goes on elsewhere.
            let (found, said) = experiment.train(
                "runs",
                &[
                    "--arch",
                    "lite",
                    "--set",
                    "train.updates=100000",
                    "--time-budget",
                    "1s",
                    "--json",
                ],
            );
            let found: serde_json::Value = serde_json::from_str(&found).unwrap();
            assert!(
                found["runs"][0]["updates"]
                    .as_u64()
                    .is_some_and(|updates| updates >= kept),
                "{kept} {said}"
            );
        }
    }

    #[test]
    fn where_no_one_serves_there_is_a_hint() {
        let experiment = Experiment::new();
        let output = experiment
            .command("runs", &["--device", "ws://127.0.0.1:9"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("the device `ws://127.0.0.1:9` cannot be reached"),
            "{said}"
        );
        assert!(said.contains("hint: start `lite-train serve` there"), "{said}");
    }

    #[test]
    fn beyond_this_machine_a_server_wants_a_word() {
        let output = Command::new(env!("CARGO_BIN_EXE_lite-train"))
            .args(["serve", "--listen", "0.0.0.0:0"])
            .env_remove("LITE_TRAIN_TOKEN")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("hint: set LITE_TRAIN_TOKEN"), "{said}");
    }
}
