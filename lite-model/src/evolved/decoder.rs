//! The decoder's cell.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::convolution::SeparableConvolution;
use super::dense::DenseLayers;
use super::{MANY_HEADS, fill_up};
use crate::attention::{Attention, Probabilities};
use crate::config::{ModelConfig, Task};
use crate::convolution::Window;
use crate::decoder::{CrossMemory, DecoderBlock};
use crate::dropout::Dropout;
use crate::encoder::layer_norm;
use crate::linear::Linear;
use crate::long_short::{BranchState, Masks, MixerState};

/// One cell of the decoder; a language model's does without the attentions to a source.
#[derive(Module, Debug)]
pub struct DecoderCell {
    first_layer_norm: LayerNorm,
    many_head_self_attn: Attention,
    first_encoder_attn: Option<Attention>,
    conv_branches: ConvolutionBranches,
    self_attn_layer_norm: LayerNorm,
    self_attn: Attention,
    second_encoder_attn_layer_norm: Option<LayerNorm>,
    second_encoder_attn: Option<Attention>,
    dense_layers: DenseLayers,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct ConvolutionBranches {
    layer_norm: LayerNorm,
    separable_conv_11x1: SeparableConvolution,
    separable_conv_7x1_1: SeparableConvolution,
    inner_layer_norm: LayerNorm,
    separable_conv_7x1_2: SeparableConvolution,
    dropout: Dropout,
}

impl DecoderCell {
    /// A cell of `config.d_model` channels.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let d_model = config.d_model;
        let has_source = config.task == Task::Seq2Seq;
        let attention = |n_heads| Attention::without_bias(d_model, n_heads, config.attention_dropout, device);
        Self {
            first_layer_norm: layer_norm(d_model, device),
            many_head_self_attn: attention(config.n_heads.max(MANY_HEADS)),
            first_encoder_attn: has_source.then(|| attention(config.n_heads)),
            conv_branches: ConvolutionBranches::new(config, device),
            self_attn_layer_norm: layer_norm(d_model, device),
            self_attn: attention(config.n_heads),
            second_encoder_attn_layer_norm: has_source.then(|| layer_norm(d_model, device)),
            second_encoder_attn: has_source.then(|| attention(config.n_heads)),
            dense_layers: DenseLayers::decoder(config, device),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// Calls `f` with every linear layer.
    pub(crate) fn each_linear(&mut self, f: &mut dyn FnMut(&mut Linear)) {
        let attentions = [&mut self.first_encoder_attn, &mut self.second_encoder_attn];
        for attention in attentions.into_iter().flatten() {
            attention.each_linear(f);
        }
        self.many_head_self_attn.each_linear(f);
        self.self_attn.each_linear(f);
        f(self.conv_branches.separable_conv_11x1.linear());
        f(self.conv_branches.separable_conv_7x1_1.linear());
        f(self.conv_branches.separable_conv_7x1_2.linear());
        self.dense_layers.each_linear(f);
    }

    /// The arithmetic of a whole sequence and of one step; they differ in what looks back.
    fn cell(
        &self,
        x: Tensor<3>,
        memory: &[CrossMemory],
        many_head_self_attn: impl FnOnce(Tensor<3>) -> Tensor<3>,
        conv_branches: impl FnOnce(Tensor<3>) -> Tensor<3>,
        self_attn: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> (Tensor<3>, Option<Probabilities>) {
        let normed = self.first_layer_norm.forward(x.clone());
        let left = self.dropout.forward(many_head_self_attn(normed.clone()));
        let right = attend(&self.first_encoder_attn, normed, memory.first());
        let x = match right {
            Some((right, _)) => x + left + self.dropout.forward(right),
            None => x + left,
        };
        let x = x.clone() + self.dropout.forward(conv_branches(x));
        let normed = self.self_attn_layer_norm.forward(x.clone());
        let mut x = x + self.dropout.forward(self_attn(normed));
        let mut probabilities = None;
        if let Some(norm) = &self.second_encoder_attn_layer_norm {
            let found = attend(&self.second_encoder_attn, norm.forward(x.clone()), memory.get(1));
            if let Some((output, found)) = found {
                x = x + self.dropout.forward(output);
                probabilities = Some(found);
            }
        }
        let x = x.clone() + self.dropout.forward(self.dense_layers.forward(x));
        (x, probabilities)
    }
}

/// Attention to the source, where there is one.
fn attend(
    attention: &Option<Attention>,
    x: Tensor<3>,
    memory: Option<&CrossMemory>,
) -> Option<(Tensor<3>, Probabilities)> {
    let (attention, memory) = attention.as_ref().zip(memory)?;
    Some(attention.forward(x, &memory.keys_values, memory.mask.as_ref()))
}

impl DecoderBlock for DecoderCell {
    fn cross_memory(&self, encoded: Tensor<3>, mask: Option<Tensor<4>>) -> Vec<CrossMemory> {
        let attentions = [&self.first_encoder_attn, &self.second_encoder_attn];
        attentions
            .into_iter()
            .flatten()
            .map(|attention| CrossMemory {
                keys_values: attention.keys_values(encoded.clone()),
                mask: mask.clone(),
            })
            .collect()
    }

    fn begin(&self) -> MixerState {
        vec![
            BranchState::Attention(None),
            BranchState::Convolution(None),
            BranchState::Convolution(None),
            BranchState::Attention(None),
        ]
    }

    fn forward(&self, x: Tensor<3>, masks: &Masks, memory: &[CrossMemory]) -> (Tensor<3>, Option<Probabilities>) {
        let attend_to_self = |attention: &Attention, x: Tensor<3>| {
            let memory = attention.keys_values(x.clone());
            attention.forward(x, &memory, masks.attention.as_ref()).0
        };
        self.cell(
            x,
            memory,
            |x| attend_to_self(&self.many_head_self_attn, x),
            |x| self.conv_branches.forward(x),
            |x| attend_to_self(&self.self_attn, x),
        )
    }

    fn step(&self, x: Tensor<3>, state: &mut MixerState, memory: &[CrossMemory]) -> (Tensor<3>, Option<Probabilities>) {
        let [
            BranchState::Attention(many_heads),
            BranchState::Convolution(branches),
            BranchState::Convolution(joined),
            BranchState::Attention(past),
        ] = state.as_mut_slice()
        else {
            unreachable!("a state goes with the cell that made it")
        };
        self.cell(
            x,
            memory,
            |x| self.many_head_self_attn.step(x, many_heads),
            |x| self.conv_branches.step(x, branches, joined),
            |x| self.self_attn.step(x, past),
        )
    }
}

impl ConvolutionBranches {
    fn new(config: &ModelConfig, device: &Device) -> Self {
        let d_model = config.d_model;
        let wide = 2 * d_model;
        let convolution =
            |d_input, d_output, kernel_size| SeparableConvolution::new(d_input, d_output, kernel_size, true, device);
        Self {
            layer_norm: layer_norm(d_model, device),
            separable_conv_11x1: convolution(d_model, wide, 11),
            separable_conv_7x1_1: convolution(d_model, d_model / 2, 7),
            inner_layer_norm: layer_norm(wide, device),
            separable_conv_7x1_2: convolution(wide, d_model, 7),
            dropout: Dropout::new(config.dropout),
        }
    }

    fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let x = self.layer_norm.forward(input);
        let x = self.join(
            self.separable_conv_11x1.forward(x.clone()),
            self.separable_conv_7x1_1.forward(x),
        );
        self.separable_conv_7x1_2.forward(x)
    }

    /// `branches` are the inputs of the first two convolutions, `joined` of the last.
    fn step(&self, input: Tensor<3>, branches: &mut Option<Window>, joined: &mut Option<Window>) -> Tensor<3> {
        let x = self.layer_norm.forward(input);
        let x = Window::slide(branches, x, self.separable_conv_11x1.kernel_size());
        let x = self.join(
            self.separable_conv_11x1.step(x.clone()),
            self.separable_conv_7x1_1.step(x),
        );
        let x = Window::slide(joined, x, self.separable_conv_7x1_2.kernel_size());
        self.separable_conv_7x1_2.step(x)
    }

    fn join(&self, left: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
        let [_, _, wide] = left.dims();
        let left = self.dropout.forward(relu(left));
        let right = self.dropout.forward(right);
        self.inner_layer_norm.forward(left + fill_up(right, wide))
    }
}
