//! Long-Short Range Attention (paper, section 4): the channels are split among branches, each branch sees only its
//! own, and the outputs stand side by side again. No layer mixes them here; the feed-forward layer does.
//! (fairseq `multibranch.py`.)

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use crate::attention::{Attention, KeysValues};
use crate::config::{BranchConfig, ModelConfig};
use crate::convolution::{Convolution, Window};
use crate::linear::Linear;

/// One way of moving information between positions.
#[derive(Module, Debug)]
pub enum Branch {
    /// Long range.
    Attention(Attention),
    /// Short range.
    Convolution(Convolution),
}

/// Branches over consecutive groups of channels.
#[derive(Module, Debug)]
pub struct MultiBranch {
    pub(crate) branches: Vec<Branch>,
    #[module(skip)]
    pub(crate) channels: Vec<usize>,
}

/// The self-attention layer of an encoder or decoder layer, or what stands in its place.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a model has a dozen of them")]
pub enum TokenMixer {
    /// The vanilla transformer's self-attention.
    Attention(Attention),
    /// LSRA, or a convolution of all channels.
    MultiBranch(MultiBranch),
}

/// What of a sequence a layer must not see, made once and used by every layer.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    /// Added to attention scores, broadcast to `[batch_size, n_heads, length, length]`.
    pub attention: Option<Tensor<4>>,
    /// 1 at tokens, 0 at padding: `[batch_size, length, 1]`. Convolutions multiply by it.
    pub keep: Option<Tensor<3>>,
}

/// What one branch remembers of the positions before.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a decoder has a dozen of them")]
pub enum BranchState {
    /// Keys and values so far.
    Attention(Option<KeysValues>),
    /// The last inputs of the filter.
    Convolution(Option<Window>),
}

/// What a layer's branches remember, in their order.
pub type MixerState = Vec<BranchState>;

impl Branch {
    fn new(branch: &BranchConfig, is_causal: bool, config: &ModelConfig, device: &Device) -> Self {
        match *branch {
            BranchConfig::Attention { channels, n_heads } => {
                Self::Attention(Attention::new(channels, n_heads, config.attention_dropout, device))
            }
            BranchConfig::Convolution {
                channels,
                n_heads,
                kernel_size,
                kind,
            } => Self::Convolution(Convolution::new(
                kind,
                channels,
                n_heads,
                kernel_size,
                is_causal,
                config,
                device,
            )),
        }
    }

    pub(crate) fn forward(&self, input: Tensor<3>, masks: &Masks) -> Tensor<3> {
        match self {
            Self::Attention(attention) => {
                let memory = attention.keys_values(input.clone());
                attention.forward(input, &memory, masks.attention.as_ref()).0
            }
            Self::Convolution(convolution) => convolution.forward(input, masks.keep.as_ref()),
        }
    }

    fn begin(&self) -> BranchState {
        match self {
            Self::Attention(_) => BranchState::Attention(None),
            Self::Convolution(_) => BranchState::Convolution(None),
        }
    }

    fn step(&self, input: Tensor<3>, state: &mut BranchState) -> Tensor<3> {
        match (self, state) {
            (Self::Attention(attention), BranchState::Attention(past)) => attention.step(input, past),
            (Self::Convolution(convolution), BranchState::Convolution(window)) => convolution.step(input, window),
            _ => unreachable!("a state goes with the branch that made it"),
        }
    }
}

impl MultiBranch {
    pub(crate) fn split(&self, input: Tensor<3>) -> Vec<Tensor<3>> {
        if self.channels.len() == 1 {
            vec![input]
        } else {
            input.split_with_sizes(self.channels.clone(), 2)
        }
    }

    pub(crate) fn forward(&self, input: Tensor<3>, masks: &Masks) -> Tensor<3> {
        let outputs = self.split(input).into_iter().zip(&self.branches);
        Tensor::cat(outputs.map(|(input, branch)| branch.forward(input, masks)).collect(), 2)
    }

    fn step(&self, input: Tensor<3>, state: &mut MixerState) -> Tensor<3> {
        let outputs = self.split(input).into_iter().zip(&self.branches).zip(state);
        Tensor::cat(
            outputs
                .map(|((input, branch), state)| branch.step(input, state))
                .collect(),
            2,
        )
    }
}

impl TokenMixer {
    /// The mixer of layer `layer`; a causal one looks at no later position.
    pub(crate) fn new(config: &ModelConfig, layer: usize, is_causal: bool, device: &Device) -> Self {
        if config.is_plain_attention() {
            return Self::Attention(Attention::new(
                config.d_model,
                config.n_heads,
                config.attention_dropout,
                device,
            ));
        }
        let branches = config.branches(layer);
        Self::MultiBranch(MultiBranch {
            branches: branches
                .iter()
                .map(|branch| Branch::new(branch, is_causal, config, device))
                .collect(),
            channels: branches.iter().map(BranchConfig::channels).collect(),
        })
    }

    /// # Shapes
    ///
    /// - input, output: `[batch_size, length, d_model]`
    pub fn forward(&self, input: Tensor<3>, masks: &Masks) -> Tensor<3> {
        match self {
            Self::Attention(attention) => {
                let memory = attention.keys_values(input.clone());
                attention.forward(input, &memory, masks.attention.as_ref()).0
            }
            Self::MultiBranch(branches) => branches.forward(input, masks),
        }
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        match self {
            Self::Attention(attention) => attention.each_linear(f),
            Self::MultiBranch(branches) => {
                for branch in &mut branches.branches {
                    match branch {
                        Branch::Attention(attention) => attention.each_linear(f),
                        Branch::Convolution(convolution) => convolution.each_linear(f),
                    }
                }
            }
        }
    }

    /// The state before the first position.
    pub fn begin(&self) -> MixerState {
        match self {
            Self::Attention(_) => vec![BranchState::Attention(None)],
            Self::MultiBranch(branches) => branches.branches.iter().map(Branch::begin).collect(),
        }
    }

    /// The output at one more position, `[rows, 1, d_model]`.
    pub fn step(&self, input: Tensor<3>, state: &mut MixerState) -> Tensor<3> {
        match (self, state.as_mut_slice()) {
            (Self::Attention(attention), [BranchState::Attention(past)]) => attention.step(input, past),
            (Self::MultiBranch(branches), _) => branches.step(input, state),
            _ => unreachable!("a state goes with the mixer that made it"),
        }
    }
}

impl BranchState {
    /// Keeps the given rows of the batch, in the given order.
    pub fn select(&mut self, rows: &Tensor<1, Int>) {
        match self {
            Self::Attention(Some(past)) => past.select(rows),
            Self::Convolution(Some(window)) => window.select(rows),
            _ => {}
        }
    }
}
