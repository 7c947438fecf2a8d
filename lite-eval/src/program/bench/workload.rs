//! A workload on the command line: a definition's architecture, or sizes.

use anyhow::{Context, anyhow, ensure};
use clap::builder::RangedU64ValueParser;
use experiments::{Definition, nearest};
use lite_eval::bench::{Task, Workload, vocabulary_sizes};
use lite_eval::precision::Precision;
use lite_model::config::ShareEmbeddings;
use lite_model::{Architecture, ModelConfig, VocabularySizes};

use crate::program::DeviceArguments;
use crate::program::errors::usage;

/// Time one workload
///
/// The model is an architecture of a definition (--exp) or one of the sizes given, post-norm, with the paper's kernels. All
/// sentences are equally long, nothing is padded.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval bench beam --arch transformer --d-model 320 --vocab 32000 \\\n    \
    --batch 32 --threads 2")]
pub struct Arguments {
    /// Experiment whose architecture --arch is timed: a built-in name or a .toml file
    #[arg(long = "exp", value_name = "NAME")]
    pub(super) experiment: Option<String>,
    /// lite, transformer, lightconv, dynamicconv or evolved; with --exp a name of that definition
    #[arg(long, value_name = "NAME", default_value = "lite")]
    pub(super) arch: String,
    /// Width
    #[arg(long, value_name = "N", default_value = "200", value_parser = positive(), conflicts_with = "experiment")]
    d_model: usize,
    /// Width inside the feed-forward layer [default: --d-model; 4 times that in a transformer]
    #[arg(long, value_name = "N", value_parser = positive(), conflicts_with = "experiment")]
    d_ff: Option<usize>,
    /// Layers of the encoder and of the decoder [default: 6; cells of evolved: 3 and 4]
    #[arg(long, value_name = "N", value_parser = positive(), conflicts_with = "experiment")]
    layers: Option<usize>,
    /// Heads of self-attention and convolution [default: 8 in transformer and evolved, else 4, in each branch]
    #[arg(long, value_name = "N", value_parser = positive(), conflicts_with = "experiment")]
    heads: Option<usize>,
    /// Heads of the attention to the source [default: 8; --heads in transformer and evolved]
    #[arg(long, value_name = "N", value_parser = positive(), conflicts_with = "experiment")]
    cross_heads: Option<usize>,
    /// Words of both vocabularies, or SOURCE,TARGET [default: 32000, or the definition's]
    #[arg(long, alias = "vocabulary", value_name = "N", value_delimiter = ',')]
    vocab: Vec<usize>,
    /// Three matrices for source, target and output rather than one
    #[arg(long = "no-tied", conflicts_with = "experiment")]
    untied: bool,
    /// One matrix for source, target and output: the default
    #[arg(long, conflicts_with_all = ["untied", "experiment"])]
    tied: bool,
    /// Sentences [default: 128 in training, 32 in a search]
    #[arg(long, value_name = "N", value_parser = positive())]
    batch: Option<usize>,
    /// Tokens of a source
    #[arg(long, alias = "source-length", value_name = "N", default_value = "32", value_parser = positive())]
    src_len: usize,
    /// Tokens of a target
    #[arg(long, alias = "target-length", value_name = "N", default_value = "32", value_parser = positive())]
    tgt_len: usize,
    /// Hypotheses of a sentence in a beam search
    #[arg(long, value_name = "N", default_value = "4", value_parser = positive())]
    beam: usize,
    /// Exponent of the length that divides a hypothesis's score
    #[arg(long, value_name = "X", default_value_t = 0.6)]
    length_penalty: f32,
    /// f32; in training also bf16, in a search int8: weights and inputs of 8 bits, on a CPU
    #[arg(long, value_name = "PRECISION", default_value = "f32")]
    precision: Precision,
    /// Dropout in training [default: 0.1, or the definition's]
    #[arg(long, value_name = "P")]
    dropout: Option<f64>,
    /// Dropout of attention probabilities in training [default: 0.1, or the definition's]
    #[arg(long, value_name = "P")]
    attention_dropout: Option<f64>,
    /// Dropout of convolution taps in training [default: 0.1, or the definition's]
    #[arg(long, value_name = "P")]
    conv_dropout: Option<f64>,
    /// Cores [default: all, or RAYON_NUM_THREADS]
    #[arg(long, value_name = "N", value_parser = positive())]
    threads: Option<usize>,
    /// Repetitions that are timed
    #[arg(long, alias = "repetitions", value_name = "N", default_value = "5", value_parser = positive())]
    pub(super) steps: usize,
    /// Repetitions before them
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) warmup: usize,
    /// Of weights and tokens
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Change a value of the definition
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "experiment")]
    overrides: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) device: DeviceArguments,
}

/// Enough for any machine, and no number that a product of two would overflow.
pub(super) fn positive() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1 << 24)
}

impl Arguments {
    /// Bounds what this process computes with, before anything has been computed.
    pub(super) fn use_threads(&self) -> anyhow::Result<()> {
        if let Some(n) = self.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build_global()
                .with_context(|| format!("starting {n} threads"))?;
        }
        Ok(())
    }

    pub(super) fn workload(&self, task: Task) -> anyhow::Result<Workload> {
        ensure!(
            self.vocab.len() <= 2,
            usage(anyhow!(
                "--vocab: found {} sizes, expected one for both sides, or SOURCE,TARGET",
                self.vocab.len()
            ))
        );
        ensure!(
            self.vocab.iter().all(|&size| size > 4),
            usage(anyhow!("--vocab: four ids are taken by <s>, <pad>, </s> and <unk>"))
        );
        let (mut model, sizes) = match &self.experiment {
            Some(name) => {
                let definition = Definition::load(name, &self.overrides)?;
                definition.check_arch(&self.arch)?;
                let sizes = vocabulary_sizes(&definition, &self.vocab)?;
                (definition.section(&format!("arch.{}", self.arch))?, sizes)
            }
            None => (self.model()?, self.sizes()),
        };
        model.max_source_positions = model.max_source_positions.max(self.src_len);
        model.max_target_positions = model.max_target_positions.max(self.tgt_len);
        for (given, value) in [
            (self.dropout, &mut model.dropout),
            (self.attention_dropout, &mut model.attention_dropout),
            (self.conv_dropout, &mut model.weight_dropout),
        ] {
            *value = given.unwrap_or(*value);
        }
        Ok(Workload {
            task,
            model,
            sizes,
            batch: self.batch.unwrap_or(if task == Task::Train { 128 } else { 32 }),
            source_length: self.src_len,
            target_length: self.tgt_len,
            beam: self.beam,
            length_penalty: self.length_penalty,
            precision: self.precision,
        })
    }

    /// Whether what is wrong with the model is the command line's: all that is built in is sound.
    pub(super) fn is_of_command_line(&self) -> bool {
        let is_a_file = self.experiment.as_ref().is_some_and(|name| name.ends_with(".toml"));
        !is_a_file || !self.overrides.is_empty()
    }

    /// Heads of self-attention, or of each branch in its place.
    pub(super) fn self_attention_heads(&self, model: &ModelConfig) -> usize {
        if has_one_number_of_heads(model.architecture) {
            model.n_heads
        } else {
            model.branch_heads
        }
    }

    fn sizes(&self) -> VocabularySizes {
        match self.vocab[..] {
            [source, target] => VocabularySizes { source, target },
            [both] => VocabularySizes::joint(both),
            _ => VocabularySizes::joint(32_000),
        }
    }

    fn model(&self) -> anyhow::Result<ModelConfig> {
        let architecture = architecture(&self.arch)?;
        let is_wide = has_one_number_of_heads(architecture);
        let d_ff = self.d_ff.unwrap_or(self.d_model * if is_wide { 4 } else { 1 });
        let mut model = ModelConfig::new(architecture, self.d_model, d_ff);
        if is_wide {
            model.n_heads = self.heads.unwrap_or(model.n_heads);
            ensure!(
                self.cross_heads.is_none_or(|n| n == model.n_heads),
                usage(anyhow!(
                    "--cross-heads: a {} has as many there as in self-attention, {}",
                    self.arch,
                    model.n_heads
                ))
            );
        } else {
            model.branch_heads = self.heads.unwrap_or(model.branch_heads);
            model.n_heads = self.cross_heads.unwrap_or(model.n_heads);
        }
        if architecture == Architecture::Evolved {
            (model.encoder_layers, model.decoder_layers) = (3, 4);
        }
        if let Some(n) = self.layers {
            (model.encoder_layers, model.decoder_layers) = (n, n);
            let last = model.kernel_sizes.last().copied().unwrap_or(31);
            model.kernel_sizes.resize(n.max(model.kernel_sizes.len()), last);
        }
        if self.untied {
            model.share_embeddings = ShareEmbeddings::None;
        }
        (model.attention_dropout, model.weight_dropout) = (0.1, 0.1);
        Ok(model)
    }
}

/// Where self-attention and the attention to the source are alike.
fn has_one_number_of_heads(architecture: Architecture) -> bool {
    matches!(architecture, Architecture::Transformer | Architecture::Evolved)
}

pub(super) fn architecture(name: &str) -> anyhow::Result<Architecture> {
    const ALL: [(&str, Architecture); 5] = [
        ("lite", Architecture::Lite),
        ("transformer", Architecture::Transformer),
        ("lightconv", Architecture::LightConv),
        ("dynamicconv", Architecture::DynamicConv),
        ("evolved", Architecture::Evolved),
    ];
    if let Some((_, found)) = ALL.iter().find(|(known, _)| *known == name) {
        return Ok(*found);
    }
    let names = ALL.map(|(name, _)| name);
    Err(usage(match nearest(name, names) {
        Some(near) => anyhow!("no architecture is named `{name}` (did you mean `{near}`?)"),
        None => anyhow!("no architecture is named `{name}`; there are {}", names.join(", ")),
    }))
}
