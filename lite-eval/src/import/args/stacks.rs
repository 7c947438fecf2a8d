//! The settings of encoder and decoder, each its own, put together as one description with as few differences as can be.

use lite_model::config::{BranchKind, BranchSpec, ConvolutionKind, PositionKind, Stack, StackConfig};
use lite_model::{Architecture, ModelConfig};

use super::{Args, MAX_LAYERS, MAX_WIDTH};
use crate::import::error::ImportError;
use crate::import::torch::Value;

const MAX_KERNEL: usize = 1 << 16;
const MAX_BRANCHES: usize = 64;

/// What `args` says of one stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StackArgs {
    pub(super) d_model: usize,
    pub(super) d_ff: usize,
    pub(super) positions: PositionKind,
    n_heads: usize,
    n_layers: usize,
    /// One a layer; none for fairseq's own transformer.
    kernel_sizes: Vec<usize>,
    glu: bool,
    pre_norm: bool,
    final_norm: bool,
    branches: Option<Vec<BranchSpec>>,
}

impl StackArgs {
    /// Reads the settings `STACK_*`. What a decoder does not say is the encoder's.
    pub(super) fn read(
        args: &Args<'_, '_>,
        stack: Stack,
        architecture: &str,
        has_branches: bool,
        encoder: Option<&Self>,
    ) -> Result<Self, ImportError> {
        let key = |name: &str| match stack {
            Stack::Encoder => format!("encoder_{name}"),
            Stack::Decoder => format!("decoder_{name}"),
        };
        let is_big = architecture.contains("_big");
        let is_iwslt = architecture.ends_with("iwslt_de_en");
        let [d_model, d_ff, n_heads] = match (is_big, is_iwslt) {
            (true, _) => [1024, 4096, 16],
            (_, true) => [512, 1024, 4],
            _ => [512, 2048, 8],
        };
        let d_model = encoder.map_or(d_model, |encoder| encoder.d_model);
        let d_ff = encoder.map_or(d_ff, |encoder| encoder.d_ff);
        let pre_norm = args.truth(&key("normalize_before"), architecture.ends_with("_t2t"))?;
        let n_layers = args.count(&key("layers"), MAX_LAYERS)?.unwrap_or(6);
        let has_positions = !args.truth("no_token_positional_embeddings", false)?;
        let is_learned = args.truth(&key("learned_pos"), false)?;
        // The encoder has its norm whatever this says.
        let no_final_norm = stack == Stack::Decoder && args.truth("no_decoder_final_norm", false)?;
        Ok(Self {
            d_model: args.count(&key("embed_dim"), MAX_WIDTH)?.unwrap_or(d_model),
            d_ff: args.count(&key("ffn_embed_dim"), MAX_WIDTH)?.unwrap_or(d_ff),
            positions: match (has_positions, is_learned) {
                (false, _) => PositionKind::None,
                (true, false) => PositionKind::Sinusoidal,
                (true, true) => PositionKind::Learned,
            },
            n_heads: args.count(&key("attention_heads"), MAX_WIDTH)?.unwrap_or(n_heads),
            n_layers,
            kernel_sizes: if has_branches {
                kernel_sizes(args, &key("kernel_size_list"), n_layers)?
            } else {
                Vec::new()
            },
            glu: args.truth(&key("glu"), true)?,
            pre_norm,
            final_norm: pre_norm && !no_final_norm,
            branches: if has_branches {
                branches(args, &key("branch_type"), stack == Stack::Decoder)?
            } else {
                None
            },
        })
    }

    /// The convolution of a list of branches, if there is exactly one.
    fn only_convolution(&self) -> Option<&BranchSpec> {
        let mut convolutions = self
            .branches
            .iter()
            .flatten()
            .filter(|branch| branch.kind != BranchKind::Attention);
        let only = convolutions.next()?;
        convolutions.next().is_none().then_some(only)
    }

    /// The branches, where there are any; the kernel size of an only convolution stands in the list of kernel sizes.
    fn written_out(self) -> Option<Vec<BranchSpec>> {
        let is_single = self.only_convolution().is_some();
        let branches = self.branches?.into_iter().map(|branch| BranchSpec {
            kernel_size: branch.kernel_size.filter(|_| !is_single),
            ..branch
        });
        Some(branches.collect())
    }

    /// The kernel sizes that the branches have, one a layer: an explicit one of the only convolution stands in the list.
    fn effective_kernels(&self) -> Vec<usize> {
        match self.only_convolution().and_then(|branch| branch.kernel_size) {
            Some(kernel_size) => vec![kernel_size; self.n_layers],
            None => self.kernel_sizes.clone(),
        }
    }
}

fn kernel_sizes(args: &Args<'_, '_>, key: &str, n_layers: usize) -> Result<Vec<usize>, ImportError> {
    let mut sizes: Vec<usize> = match args.get(key) {
        None => vec![3, 7, 15, 31, 31, 31],
        Some(value) => {
            let items = value
                .items()
                .ok_or_else(|| args.wrong(key, value.describe(), "a list"))?;
            let sizes: Result<_, _> = items
                .take(MAX_LAYERS)
                .map(|item| args.as_count(key, item, MAX_KERNEL))
                .collect();
            sizes?
        }
    };
    if let [size] = sizes[..] {
        sizes = vec![size; n_layers];
    }
    if sizes.len() < n_layers {
        let found = format!("{} entries", sizes.len());
        return Err(args.wrong(key, found, format!("one, or one for each of {n_layers} layers")));
    }
    sizes.truncate(n_layers);
    Ok(sizes)
}

fn branches(args: &Args<'_, '_>, key: &str, is_decoder: bool) -> Result<Option<Vec<BranchSpec>>, ImportError> {
    let Some(value) = args.get(key) else { return Ok(None) };
    let items = value.items().filter(|items| (1..=MAX_BRANCHES).contains(&items.len()));
    let Some(items) = items else {
        let expected = format!("a list of 1 to {MAX_BRANCHES} branches");
        return Err(args.wrong(key, value.describe(), expected));
    };
    let branches: Result<_, _> = items.map(|item| branch(args, key, item, is_decoder)).collect();
    branches.map(Some)
}

/// A branch as `type:kernel:dim:heads`.
fn branch(args: &Args<'_, '_>, key: &str, item: Value<'_, '_>, is_decoder: bool) -> Result<BranchSpec, ImportError> {
    let text = item.as_str().unwrap_or_default();
    let wrong = |expected: &str| args.wrong(key, item.describe(), expected);
    let fields: Vec<&str> = text.split(':').collect();
    let [kind, kernel, channels, n_heads, ..] = fields[..] else {
        return Err(wrong("type:kernel:dim:heads"));
    };
    // The reference's encoder looks for the name anywhere in the text, and in this order.
    let is = |name: &str| if is_decoder { kind == name } else { text.contains(name) };
    let kind = if is("lightweight") {
        BranchKind::Lightweight
    } else if is("dynamic") {
        BranchKind::Dynamic
    } else if is("attn") {
        BranchKind::Attention
    } else {
        return Err(wrong("a branch of type lightweight, dynamic or attn"));
    };
    let number = |field: &str, most: usize| {
        let number = field.trim().parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| wrong("type:kernel:dim:heads with positive numbers"))
    };
    Ok(BranchSpec {
        kind,
        channels: number(channels, MAX_WIDTH)?,
        n_heads: number(n_heads, MAX_WIDTH)?,
        kernel_size: match (kind, kernel) {
            (BranchKind::Attention, _) | (_, "default") => None,
            (_, kernel) => Some(number(kernel, MAX_KERNEL)?),
        },
    })
}

/// Puts what both stacks have in common into the model's own keys, and the rest into those of the stack.
pub(super) fn combine(config: &mut ModelConfig, encoder: StackArgs, decoder: StackArgs) {
    config.encoder_layers = encoder.n_layers;
    config.decoder_layers = decoder.n_layers;
    let is_named = name(config, &encoder, &decoder);
    config.n_heads = decoder.n_heads;
    config.glu = decoder.glu;
    config.pre_norm = decoder.pre_norm;
    config.positions = decoder.positions;
    if decoder.final_norm != decoder.pre_norm {
        config.decoder.final_norm = Some(decoder.final_norm);
    }
    // Heads of an encoder that consists of branches are not used.
    let encoder_heads = if encoder.branches.is_none() {
        encoder.n_heads
    } else {
        decoder.n_heads
    };
    let differs = |ours: usize, common: usize| (ours != common).then_some(ours);
    config.encoder = StackConfig {
        d_model: differs(encoder.d_model, config.d_model),
        d_ff: differs(encoder.d_ff, config.d_ff),
        n_heads: differs(encoder_heads, config.n_heads),
        glu: (encoder.glu != config.glu).then_some(encoder.glu),
        pre_norm: (encoder.pre_norm != config.pre_norm).then_some(encoder.pre_norm),
        positions: (encoder.positions != config.positions).then_some(encoder.positions),
        ..StackConfig::default()
    };
    let (ours, theirs) = (encoder.effective_kernels(), decoder.effective_kernels());
    // One list serves both if it is the longer one of two that begin alike.
    if theirs.starts_with(&ours) {
        config.kernel_sizes = theirs;
    } else if ours.starts_with(&theirs) {
        config.kernel_sizes = ours;
    } else {
        config.kernel_sizes = theirs;
        config.encoder.kernel_sizes = Some(ours);
    }
    if !is_named {
        config.encoder.branches = encoder.written_out();
        config.decoder.branches = decoder.written_out();
    }
}

/// Puts the settings of a language model, which has one stack, into the model's own keys.
pub(super) fn only(config: &mut ModelConfig, decoder: StackArgs) {
    config.decoder_layers = decoder.n_layers;
    config.n_heads = decoder.n_heads;
    config.glu = decoder.glu;
    config.positions = decoder.positions;
    let is_named = name(config, &decoder, &decoder);
    config.kernel_sizes = decoder.effective_kernels();
    if !is_named {
        config.branches = decoder.written_out();
    }
}

/// Looks for the architecture that has these branches by itself. If there is none, they must be written out.
fn name(config: &mut ModelConfig, encoder: &StackArgs, decoder: &StackArgs) -> bool {
    let kinds = |stack: &StackArgs| {
        let branches = stack.branches.iter().flatten();
        branches
            .map(|branch| (branch.kind, branch.channels, branch.n_heads))
            .collect::<Vec<_>>()
    };
    let branches = kinds(encoder);
    if encoder.d_model != decoder.d_model || branches != kinds(decoder) {
        return encoder.branches.is_none() && decoder.branches.is_none();
    }
    let (architecture, convolution, n_heads, attention) = match branches[..] {
        [] => return true,
        [(BranchKind::Lightweight, _, n_heads)] => {
            (Architecture::LightConv, ConvolutionKind::Lightweight, n_heads, None)
        }
        [(BranchKind::Dynamic, _, n_heads)] => (Architecture::DynamicConv, ConvolutionKind::Dynamic, n_heads, None),
        [(BranchKind::Attention, channels, n_heads), (kind, _, same)] if n_heads == same => match kind {
            BranchKind::Attention => return false,
            BranchKind::Lightweight => (
                Architecture::Lite,
                ConvolutionKind::Lightweight,
                n_heads,
                Some(channels),
            ),
            BranchKind::Dynamic => (Architecture::Lite, ConvolutionKind::Dynamic, n_heads, Some(channels)),
        },
        _ => return false,
    };
    let total: usize = branches.iter().map(|(_, channels, _)| channels).sum();
    if total != encoder.d_model {
        // Written out, so that the error names the branches.
        return false;
    }
    config.architecture = architecture;
    config.convolution = convolution;
    config.branch_heads = n_heads;
    config.attention_channels = attention.filter(|channels| *channels != encoder.d_model / 2);
    true
}
