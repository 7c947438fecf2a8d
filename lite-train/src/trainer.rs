//! The loop: updates, validations, checkpoints, from wherever the run stands to its end.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use burn::tensor::Tensor;
use experiments::CurvePoint;
use lite_data::{Batch, UpdatePlan, sequential_batches};
use lite_eval::tables::thousands;
use lite_model::device::is_host;
use lite_model::weights;

use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::clip::weights_norm;
use crate::devices::{DeviceLost, Devices};
use crate::feed::{Feed, Loading};
use crate::log::{Event, Log};
use crate::optimiser::Optimiser;
use crate::report::{Figures, Report};
use crate::run::{Ending, Run};
use crate::state::{TrainState, Window};
use crate::trainee::Trainee;
use crate::update::{UpdateSettings, materialised, train};
use crate::validate;

impl Run<'_> {
    /// Trains to the end, from the newest good checkpoint if there is one.
    pub fn train<M: Trainee>(&self) -> anyhow::Result<(TrainState, Ending)> {
        self.train.precision.use_in_training();
        let checkpoints = Checkpoints::open(&self.folder)?;
        let mut report = Report::new();
        let (newest, errors) = checkpoints.newest()?;
        for error in errors {
            report.message(&format!("{error}; an older checkpoint is used"));
        }
        let devices = Devices::new(self.devices.iter().cloned());
        let main = &devices.members()[0];
        let mut training = Loop::<M>::new(self, &devices, checkpoints, newest)?;
        let ending = main.guard(|| training.run(&mut report));
        report.finish();
        let ending = ending.map_err(anyhow::Error::from).flatten();
        let ending = ending.map_err(|mut error| {
            // Whatever was being done, such as writing a checkpoint, fails without the device.
            if !error.is::<DeviceLost>() && !main.answers() {
                error = main.lost(format!("{error:#}")).into();
            }
            match error.is::<DeviceLost>() {
                true => error.context("checkpoints are kept, and the same command goes on from the last one"),
                false => error,
            }
        });
        Ok((training.state, ending?))
    }
}

/// The moving parts of a run.
struct Loop<'a, M> {
    run: &'a Run<'a>,
    feed: Feed<'a>,
    checkpoints: Checkpoints,
    log: Log,
    devices: &'a Devices,
    model: Option<M>,
    optimiser: Optimiser,
    state: TrainState,
    /// When this program began, minus the seconds that were spent before.
    began: Instant,
    before: f64,
    /// Losses that still lie on the device, with update and tokens.
    pending: Vec<(u64, u64, Tensor<1>)>,
    /// What was trained since the last line of the log.
    line: Window,
    line_began: Instant,
    loading: Loading,
    valid: Vec<Batch>,
    /// The update of the last checkpoint, 0 before the first.
    saved: u64,
}

impl<'a, M: Trainee> Loop<'a, M> {
    fn new(
        run: &'a Run<'a>,
        devices: &'a Devices,
        checkpoints: Checkpoints,
        from: Option<Checkpoint>,
    ) -> anyhow::Result<Self> {
        let device = devices.main();
        device.seed(run.seed);
        let model = materialised(M::init(&run.model, run.sizes(), device)?);
        let (model, optimiser, state) = match from {
            None => {
                let state = TrainState {
                    seed: run.seed,
                    ..TrainState::default()
                };
                (model, Optimiser::new(run.train.optimiser.clone()), state)
            }
            Some(checkpoint) => {
                let place = || format!("checkpoint after update {}", checkpoint.update);
                let model = weights::load(model, &checkpoint.model()).with_context(place)?;
                let optimiser = Optimiser::load(run.train.optimiser.clone(), &model, &checkpoint.optimiser());
                let state = TrainState::read(&checkpoint.state()).with_context(place)?;
                if state.seed != run.seed {
                    bail!(
                        "{}: it was trained from seed {}, this run has {}",
                        place(),
                        state.seed,
                        run.seed
                    );
                }
                (model, optimiser.with_context(place)?, state)
            }
        };
        let valid = M::rows(&run.prepared.valid, &run.model)?;
        let path = run.folder.log();
        let context = || format!("`{}`", path.display());
        let mut log = Log::open(&path, state.update).with_context(context)?;
        let (date, device_name) = (experiments::now(), run.device_names());
        log.write(&Event::Start {
            update: state.update,
            date,
            device: device_name,
        })
        .with_context(context)?;
        Ok(Self {
            run,
            feed: Feed::new(run, M::rows(&run.prepared.train, &run.model)?)?,
            checkpoints,
            log,
            devices,
            model: Some(model),
            optimiser,
            before: state.seconds,
            saved: state.update,
            state,
            began: Instant::now(),
            pending: Vec::new(),
            line: Window::default(),
            line_began: Instant::now(),
            loading: Loading::default(),
            valid: sequential_batches(valid, run.tokens_per_batch),
        })
    }

    fn run(&mut self, report: &mut Report) -> anyhow::Result<Ending> {
        if self.state.update > 0 && self.ending().is_none() {
            report.message(&format!("resuming after update {}", self.state.update));
        }
        self.note_surroundings(report);
        loop {
            if let Some(ending) = self.ending() {
                return self.end(ending, report);
            }
            let began = Instant::now();
            let plans = self.feed.plans(self.state.epoch)?;
            self.loading.add(began);
            while let Some(plan) = plans.get(self.state.next) {
                self.update(plan)?;
                self.after_update(report)?;
                if let Some(ending) = self.ending() {
                    return self.end(ending, report);
                }
            }
            self.state.epoch += 1;
            self.state.next = 0;
        }
    }

    /// Says so if a run goes on where dropout draws something else, and it will not end as it would have.
    fn note_surroundings(&mut self, report: &mut Report) {
        let here = (self.run.tokens_per_batch as u64, self.run.device_names());
        let there = (self.state.tokens_per_batch, self.state.devices.clone());
        if there.0 > 0 && there != here && self.ending().is_none() {
            report.message(&format!(
                "warning: up to here it was trained with {} tokens a batch on {}, and goes on with {} on {}: dropout draws by \
                 batch and device, so the weights will not be those of an uninterrupted run",
                there.0, there.1, here.0, here.1
            ));
        }
        (self.state.tokens_per_batch, self.state.devices) = here;
    }

    /// Leaves a run that can be scored and, if its time was up, goes on later.
    fn end(&mut self, ending: Ending, report: &mut Report) -> anyhow::Result<Ending> {
        if !self.loading.all.is_zero() {
            let share = self.loading.all.as_secs_f64() / self.began.elapsed().as_secs_f64();
            report.message(&format!(
                "choosing and reading batches took {:.1} % of the time",
                100.0 * share
            ));
        }
        if ending == Ending::TimeBudget {
            self.read_losses()?;
            if self.saved != self.state.update {
                self.save()?;
            }
            // For the record alone: a run that goes on must not remember a validation that it would not have had.
            if self
                .state
                .curve
                .last()
                .is_none_or(|point| point.update != self.state.update)
            {
                self.validate(report)?;
            }
        }
        Ok(ending)
    }

    /// Why there is nothing left to do, if so.
    fn ending(&self) -> Option<Ending> {
        if self.state.update >= self.run.train.updates {
            Some(Ending::Done)
        } else if self.state.patience.is_over {
            Some(Ending::Stopped)
        } else {
            self.is_out_of_time().then_some(Ending::TimeBudget)
        }
    }

    /// Never before the first update: what ends has to have weights.
    fn is_out_of_time(&self) -> bool {
        self.state.update > 0
            && self
                .run
                .time_budget
                .is_some_and(|budget| self.seconds() >= budget.as_secs_f64())
    }

    fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    fn update(&mut self, plan: &UpdatePlan) -> anyhow::Result<()> {
        let train_config = &self.run.train;
        let began = Instant::now();
        let update = self.feed.load(plan, self.state.epoch);
        self.loading.add(began);
        let settings = UpdateSettings {
            rate: train_config.schedule.rate(self.state.update, train_config.updates),
            label_smoothing: train_config.label_smoothing,
            clip_norm: train_config.clip_norm,
            // fairseq: seed + number of updates.
            seed: self.run.seed.wrapping_add(self.state.update + 1),
        };
        let model = self.model.take().expect("a model between updates");
        let trained = train(model, &mut self.optimiser, &update, settings, self.devices);
        let (model, sums) = trained?;
        self.model = Some(model);
        self.state.update += 1;
        self.state.next += 1;
        self.state.target_tokens += update.n_tokens as u64;
        self.pending.push((self.state.update, update.n_tokens as u64, sums));
        Ok(())
    }

    /// What falls due after an update.
    fn after_update(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let config = &self.run.train;
        let update = self.state.update;
        let due = |every: u64| update.is_multiple_of(every) || update == config.updates;
        let must_save = due(config.checkpoint_every);
        if due(config.log_every) || due(config.validate_every) || must_save || is_host(self.devices.main()) {
            self.read_losses()?;
        }
        if due(config.log_every) {
            self.write_line(report)?;
        }
        let is_best = due(config.validate_every) && self.validate(report)?;
        if must_save || is_best || self.state.patience.is_over {
            self.save()?;
        }
        Ok(())
    }

    /// Takes in the losses of the updates since the last time.
    fn read_losses(&mut self) -> anyhow::Result<()> {
        for (update, tokens, sums) in self.pending.drain(..) {
            let [loss, nll] = validate::read_sums(sums);
            if !loss.is_finite() {
                bail!(diverged(&format!("the loss of update {update} is {loss}")));
            }
            self.line.add(loss, nll, tokens);
            self.state.window.add(loss, nll, tokens);
        }
        Ok(())
    }

    fn write_line(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let config = &self.run.train;
        let line = std::mem::take(&mut self.line);
        let took = self.line_began.elapsed().as_secs_f64();
        let tokens_per_second = line.tokens as f64 / took;
        let loading_share = self.loading.end_line().as_secs_f64() / took;
        self.line_began = Instant::now();
        let (update, seconds) = (self.state.update, self.seconds());
        self.log.write(&Event::Train {
            update,
            epoch: self.state.epoch,
            loss: line.mean_loss(),
            nll: line.nll / line.tokens.max(1) as f64,
            rate: config.schedule.rate(update - 1, config.updates),
            tokens_per_second,
            loading_share,
            seconds,
        })?;
        let left = Duration::from_secs_f64(seconds / update as f64 * (config.updates - update) as f64);
        let budget_left = self
            .run
            .time_budget
            .map(|budget| budget.saturating_sub(Duration::from_secs_f64(seconds)));
        report.show(Figures {
            update,
            updates: config.updates,
            loss: line.mean_loss(),
            tokens_per_second,
            left: budget_left.map_or(left, |budget| budget.min(left)),
        });
        Ok(())
    }

    /// Measures the model. Says whether it is the best so far.
    fn validate(&mut self, report: &mut Report) -> anyhow::Result<bool> {
        let run = self.run;
        let began = Instant::now();
        let model = self.model.as_ref().expect("a model between updates").valid();
        let window = validate::loss(
            &model,
            &self.valid,
            run.train.label_smoothing,
            run.device(),
            self.devices.workers(),
        );
        let bleu = model.bleu(run)?;
        let point = CurvePoint {
            update: self.state.update,
            tokens: self.state.target_tokens,
            seconds: self.seconds(),
            train_loss: self.state.window.mean_loss(),
            valid_loss: window.mean_loss(),
            valid_perplexity: (window.nll / window.tokens.max(1) as f64).exp(),
            valid_bleu: bleu,
        };
        let is_best = self
            .state
            .add_validation(point, run.train.select, &run.train.early_stopping);
        self.log.write(&Event::Validation {
            update: point.update,
            loss: point.valid_loss,
            perplexity: point.valid_perplexity,
            bleu,
            is_best,
            seconds: point.seconds,
        })?;
        let bleu = bleu.map_or_else(String::new, |bleu| format!(" · BLEU {bleu:.1}"));
        report.message(&format!(
            "validation after update {} · loss {:.3} · perplexity {:.2}{bleu}{}",
            thousands(point.update),
            point.valid_loss,
            point.valid_perplexity,
            if is_best { " · best so far" } else { "" },
        ));
        // Tokens a second are those of training alone.
        self.line_began += began.elapsed();
        Ok(is_best)
    }

    fn save(&mut self) -> anyhow::Result<()> {
        self.state.seconds = self.seconds();
        let began = Instant::now();
        let model = self.model.as_ref().expect("a model between updates");
        if !weights_norm(&model.valid()).is_finite() {
            bail!(diverged(&format!(
                "weights are beyond single precision after update {}",
                self.state.update
            )));
        }
        let saved = self
            .checkpoints
            .save(self.state.update, |checkpoint| -> anyhow::Result<()> {
                weights::save(model, &checkpoint.model())?;
                self.optimiser.save(model, &checkpoint.optimiser())?;
                Ok(self.state.write(&checkpoint.state())?)
            });
        saved.with_context(|| {
            format!(
                "the checkpoint after update {} could not be written; older ones are kept",
                self.state.update
            )
        })?;
        self.saved = self.state.update;
        let kept = self.run.kept(&self.checkpoints.list()?, &self.state);
        self.checkpoints.prune(|update| kept.contains(&update))?;
        self.line_began += began.elapsed();
        Ok(())
    }
}

fn diverged(what: &str) -> String {
    format!(
        "{what}: training has diverged; checkpoints before it are kept\n\
         hint: lower `train.schedule.peak`, lengthen `train.schedule.warmup` or set `train.clip_norm`"
    )
}
