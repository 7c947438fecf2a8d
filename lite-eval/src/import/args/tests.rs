//! What the settings of the reference become.

use std::path::Path;

use lite_model::config::{BranchKind, BranchSpec, ConvolutionKind, StackConfig};

use super::*;
use crate::import::torch::Checkpoint;

/// A setting of `args`.
enum Setting {
    Number(u8),
    Truth(bool),
    Text(&'static str),
    Numbers(&'static [u8]),
    Texts(&'static [&'static str]),
    Nothing,
}

use Setting::{Nothing, Number, Numbers, Text, Texts, Truth};

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// The stream container with `{"args": Namespace(..)}`.
fn checkpoint(settings: &[(&str, Setting)]) -> Vec<u8> {
    let list = |items: Vec<Vec<u8>>| [&b"]("[..], &items.concat(), b"e"].concat();
    let value = |setting: &Setting| match setting {
        Number(n) => vec![b'K', *n],
        Truth(truth) => vec![if *truth { 0x88 } else { 0x89 }],
        Text(word) => text(word),
        Numbers(numbers) => list(numbers.iter().map(|n| vec![b'K', *n]).collect()),
        Texts(words) => list(words.iter().map(|word| text(word)).collect()),
        Nothing => b"N".to_vec(),
    };
    let items: Vec<u8> = settings
        .iter()
        .flat_map(|(key, setting)| [text(key), value(setting)].concat())
        .collect();
    let head = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}";
    let namespace = [&b"cargparse\nNamespace\n)\x81}("[..], &items, b"ub"].concat();
    [&head[..], &text("args"), &namespace, b"s.\x80\x02]."].concat()
}

fn settings(settings: &[(&str, Setting)]) -> Result<Settings, String> {
    let bytes = checkpoint(settings);
    let checkpoint = Checkpoint::parse(&bytes).unwrap();
    Settings::read(checkpoint.root(), Path::new("m.pt")).map_err(|error| error.to_string())
}

fn base(architecture: Architecture, d_model: usize, d_ff: usize) -> ModelConfig {
    ModelConfig {
        share_embeddings: ShareEmbeddings::None,
        padding_mask: PaddingMask::BeforeProjection,
        conv_linear: false,
        ..ModelConfig::new(architecture, d_model, d_ff)
    }
}

#[test]
fn what_is_not_said_is_the_default_of_the_architecture() {
    let found = settings(&[("arch", Text("transformer_iwslt_de_en"))]).unwrap();
    let expected = ModelConfig {
        n_heads: 4,
        kernel_sizes: Vec::new(),
        ..base(Architecture::Transformer, 512, 1024)
    };
    assert_eq!(found.config, expected);
    assert_eq!(found.languages, ["source", "target"]);
    assert_eq!(found.source_padding, SourcePadding::Left);
    let found = settings(&[("arch", Text("transformer_wmt_en_de_big_t2t"))])
        .unwrap()
        .config;
    assert_eq!(
        (found.d_model, found.d_ff, found.n_heads, found.pre_norm),
        (1024, 4096, 16, true)
    );
    let found = settings(&[("arch", Text("transformer_multibranch_v2"))])
        .unwrap()
        .config;
    let expected = ModelConfig {
        kernel_sizes: vec![3, 7, 15, 31, 31, 31],
        ..base(Architecture::Transformer, 512, 2048)
    };
    assert_eq!(found, expected);
}

#[test]
fn stacks_that_differ_are_written_out_where_they_differ() {
    let found = settings(&[
        ("arch", Text("transformer_multibranch_v2_wmt_en_de")),
        ("encoder_layers", Number(2)),
        ("decoder_layers", Number(3)),
        ("encoder_embed_dim", Number(32)),
        ("decoder_embed_dim", Number(24)),
        ("encoder_ffn_embed_dim", Number(48)),
        ("decoder_ffn_embed_dim", Number(40)),
        ("encoder_attention_heads", Number(5)),
        ("decoder_attention_heads", Number(3)),
        ("encoder_kernel_size_list", Numbers(&[5])),
        ("decoder_kernel_size_list", Numbers(&[3, 7, 15, 31])),
        ("encoder_branch_type", Texts(&["dynamic:default:8:2", "attn:1:24:6"])),
        (
            "decoder_branch_type",
            Texts(&["lightweight:4:8:8", "dynamic:default:16:2"]),
        ),
        ("encoder_glu", Truth(false)),
        ("decoder_glu", Number(1)),
        ("encoder_normalize_before", Truth(true)),
        ("encoder_learned_pos", Truth(true)),
        ("conv_linear", Truth(true)),
        ("weight_softmax", Text("False")),
        ("share_decoder_input_output_embed", Truth(true)),
        ("left_pad_source", Text("False")),
        ("source_lang", Text("en")),
        ("target_lang", Nothing),
        ("activation_fn", Text("gelu_fast")),
    ])
    .unwrap();
    let branch = |kind, channels, n_heads, kernel_size| BranchSpec {
        kind,
        channels,
        n_heads,
        kernel_size,
    };
    let expected = ModelConfig {
        encoder_layers: 2,
        decoder_layers: 3,
        n_heads: 3,
        conv_linear: true,
        weight_softmax: false,
        activation: Activation::GeluTanh,
        share_embeddings: ShareEmbeddings::Decoder,
        kernel_sizes: vec![3, 7, 15],
        encoder: StackConfig {
            d_model: Some(32),
            d_ff: Some(48),
            kernel_sizes: Some(vec![5, 5]),
            glu: Some(false),
            pre_norm: Some(true),
            positions: Some(PositionKind::Learned),
            branches: Some(vec![
                branch(BranchKind::Dynamic, 8, 2, None),
                branch(BranchKind::Attention, 24, 6, None),
            ]),
            ..StackConfig::default()
        },
        decoder: StackConfig {
            branches: Some(vec![
                branch(BranchKind::Lightweight, 8, 8, Some(4)),
                branch(BranchKind::Dynamic, 16, 2, None),
            ]),
            ..StackConfig::default()
        },
        ..base(Architecture::Transformer, 24, 40)
    };
    assert_eq!(found.config, expected);
    assert_eq!(found.languages, ["en", "target"]);
    assert_eq!(found.source_padding, SourcePadding::Right);
}

#[test]
fn an_architecture_of_this_suite_is_named() {
    let with = |encoder: &'static [&str], decoder: &'static [&str]| {
        settings(&[
            ("arch", Text("transformer_multibranch_v2")),
            ("encoder_embed_dim", Number(32)),
            ("encoder_ffn_embed_dim", Number(32)),
            ("encoder_layers", Number(2)),
            ("decoder_layers", Number(4)),
            ("encoder_branch_type", Texts(encoder)),
            ("decoder_branch_type", Texts(decoder)),
        ])
        .unwrap()
        .config
    };
    let both = |branches: &'static [&str]| with(branches, branches);
    let lite = both(&["attn:1:16:4", "dynamic:default:16:4"]);
    let expected = ModelConfig {
        encoder_layers: 2,
        decoder_layers: 4,
        kernel_sizes: vec![3, 7, 15, 31],
        ..base(Architecture::Lite, 32, 32)
    };
    assert_eq!(lite, expected);
    let uneven = both(&["attn:1:8:2", "lightweight:5:24:2"]);
    let expected = ModelConfig {
        convolution: ConvolutionKind::Lightweight,
        branch_heads: 2,
        attention_channels: Some(8),
        kernel_sizes: vec![5; 4],
        ..expected
    };
    assert_eq!(uneven, expected);
    let light = both(&["lightweight:default:32:8"]);
    assert_eq!((light.architecture, light.branch_heads), (Architecture::LightConv, 8));
    assert!(light.encoder == StackConfig::default() && light.decoder == StackConfig::default());
    // The same branches in another order, or with other kernels in one stack, have no name.
    for config in [
        both(&["dynamic:default:16:4", "attn:1:16:4"]),
        both(&["attn:1:32:4"]),
        both(&["attn:1:16:4", "dynamic:default:16:8"]),
        with(&["dynamic:default:32:4"], &["lightweight:default:32:4"]),
    ] {
        assert_eq!(config.architecture, Architecture::Transformer);
        assert!(
            config.encoder.branches.is_some() && config.decoder.branches.is_some(),
            "{config:?}"
        );
    }
    let config = with(&["dynamic:3:32:4"], &["dynamic:5:32:4"]);
    assert_eq!(config.architecture, Architecture::DynamicConv);
    assert_eq!(
        (config.kernel_sizes, config.encoder.kernel_sizes),
        (vec![5; 4], Some(vec![3; 2]))
    );
}

#[test]
fn settings_of_a_wrong_kind_are_named() {
    let check = |key: &'static str, setting, expected: &str| {
        let found = settings(&[("arch", Text("transformer_multibranch_v2")), (key, setting)]).unwrap_err();
        assert_eq!(found, format!("`m.pt`, `args.{key}`: {expected}"));
    };
    check(
        "encoder_layers",
        Text("six"),
        "found 'six', expected a number from 1 to 1000",
    );
    check("conv_linear", Number(2), "found 2, expected True or False");
    check("dropout", Text("0.1"), "found '0.1', expected a number");
    check("decoder_kernel_size_list", Number(3), "found 3, expected a list");
    check(
        "encoder_branch_type",
        Texts(&[]),
        "found a list of 0, expected a list of 1 to 64 branches",
    );
    check(
        "adaptive_softmax_cutoff",
        Numbers(&[10, 20]),
        "found a list of 2, expected none: models that translate have one softmax here",
    );
}
