//! The numbers of the paper, parameters of the reference, and laws.

use super::*;
use crate::config::{AdaptiveInputConfig, AdaptiveSoftmaxConfig, Architecture, ConvolutionKind};

fn lite(d_model: usize) -> ModelConfig {
    ModelConfig::new(Architecture::Lite, d_model, d_model)
}

fn transformer(d_model: usize) -> ModelConfig {
    ModelConfig::new(Architecture::Transformer, d_model, 4 * d_model)
}

/// The reference's vocabularies of IWSLT'14 German-English.
const IWSLT: VocabularySizes = VocabularySizes {
    source: 8848,
    target: 6632,
};

fn iwslt(d_model: usize) -> ModelConfig {
    ModelConfig {
        convolution: ConvolutionKind::Lightweight,
        share_embeddings: ShareEmbeddings::None,
        n_heads: 4,
        ..lite(d_model)
    }
}

fn language_model(architecture: Architecture, d_model: usize, d_ff: usize) -> ModelConfig {
    ModelConfig {
        task: Task::LanguageModel,
        decoder_layers: 12,
        kernel_sizes: [vec![15; 2], vec![31; 4], vec![63; 6]].concat(),
        pre_norm: true,
        final_norm: Some(false),
        adaptive_input: Some(AdaptiveInputConfig {
            cutoffs: vec![20_000, 60_000],
            factor: 4.0,
        }),
        adaptive_softmax: Some(AdaptiveSoftmaxConfig {
            cutoffs: vec![20_000, 60_000],
            factor: 4.0,
            dropout: 0.0,
            tie_weights: true,
            tie_projections: true,
        }),
        ..ModelConfig::new(architecture, d_model, d_ff)
    }
}

/// Parameters in millions and Mult-Adds in millions of a row of the paper; the digits it prints, to half a unit
/// of the last one, or 0.5 %, whichever is wider.
fn check(config: &ModelConfig, vocabulary: VocabularySizes, params: f64, macs: f64) {
    let near = |found: f64, printed: f64, unit: f64| (found - printed).abs() <= (0.5 * unit).max(0.005 * printed);
    let found = parameters(config, vocabulary).counted as f64 / 1e6;
    assert!(
        near(found, params, 0.1),
        "{config:?}: {found} M parameters, the paper has {params}"
    );
    let found = mult_adds(config, PAPER_LENGTH, PAPER_LENGTH) as f64 / 1e6;
    assert!(
        near(found, macs, 1.0),
        "{config:?}: {found} M Mult-Adds, the paper has {macs}"
    );
}

#[test]
fn wmt_rows_of_the_paper() {
    let joint = VocabularySizes::joint(32768);
    for (d_model, params, macs) in [(200, 2.9, 90.0), (408, 11.7, 360.0), (496, 17.3, 527.0)] {
        check(&lite(d_model), joint, params, macs);
    }
    for (d_model, params, macs) in [
        (128, 2.8, 87.0),
        (256, 11.1, 338.0),
        (320, 17.3, 527.0),
        (512, 44.1, 1338.0),
    ] {
        check(&transformer(d_model), joint, params, macs);
    }
}

#[test]
fn iwslt_rows_of_the_paper() {
    for (d_model, params, macs) in [(160, 2.8, 54.0), (240, 5.4, 119.0), (320, 8.9, 209.0)] {
        check(&iwslt(d_model), IWSLT, params, macs);
    }
    for (d_model, params, macs) in [(128, 2.8, 63.0), (192, 5.7, 139.0), (240, 8.5, 215.0)] {
        let config = ModelConfig {
            share_embeddings: ShareEmbeddings::None,
            n_heads: 4,
            ..ModelConfig::new(Architecture::Transformer, d_model, 2 * d_model)
        };
        check(&config, IWSLT, params, macs);
    }
    for (d_model, params, macs) in [(128, 2.5, 52.0), (192, 5.1, 115.0), (256, 8.4, 204.0)] {
        let config = ModelConfig {
            encoder_layers: 7,
            share_embeddings: ShareEmbeddings::None,
            n_heads: 4,
            ..ModelConfig::new(Architecture::LightConv, d_model, 2 * d_model)
        };
        check(&config, IWSLT, params, macs);
    }
}

#[test]
fn wikitext_rows_of_the_paper() {
    let transformer = language_model(Architecture::Transformer, 512, 2048);
    let lite = language_model(Architecture::Lite, 896, 896);
    for (config, params, at_100, at_1000) in [(&transformer, 37.8, 3.9, 50.3), (&lite, 37.2, 3.9, 48.7)] {
        let found = parameters(config, VocabularySizes::joint(267_744)).counted as f64 / 1e6;
        assert!((found - params).abs() <= 0.05, "{found} M parameters");
        for (length, printed) in [(100, at_100), (1000, at_1000)] {
            let found = mult_adds(config, 0, length) as f64 / 1e9;
            assert!((found - printed).abs() <= 0.05, "{found} G Mult-Adds at {length}");
        }
    }
    let found = mult_adds(&lite, 0, PAPER_LENGTH) as f64 / 1e6;
    assert!((found - 1147.0).abs() <= 0.5, "{found} M Mult-Adds");
}

/// A row of the golden file: the configuration as the reference names it.
fn golden(name: &str) -> Option<(ModelConfig, VocabularySizes)> {
    let (corpus, size) = name.split_once("/embed")?;
    let d_model: usize = size.parse().ok()?;
    let joint = VocabularySizes::joint(32768);
    Some(match corpus {
        "wmt14.en-fr" | "wmt16.en-de" => (lite(d_model), joint),
        "cnndm" => (lite(d_model), VocabularySizes::joint(30000)),
        "transformer" => (transformer(d_model), joint),
        "iwslt14.de-en" => (iwslt(d_model), IWSLT),
        "wikitext-103" => (
            language_model(Architecture::Lite, d_model, d_model),
            VocabularySizes::joint(267_744),
        ),
        _ => return None,
    })
}

/// `tests/fixtures/param_counts.json` was made with the authors' models.
#[test]
fn parameters_of_the_reference_by_group() {
    let golden_file = include_str!("../../tests/fixtures/param_counts.json");
    let rows: serde_json::Map<String, serde_json::Value> = serde_json::from_str(golden_file).unwrap();
    assert_eq!(rows.len(), 15);
    for (name, row) in &rows {
        let (config, sizes) = golden(name).unwrap_or_else(|| panic!("`{name}` is no known configuration"));
        let cost = Cost::new(&config, sizes, Lengths::PAPER);
        let mut found = serde_json::Map::new();
        for (stack_name, stack) in [("encoder", &cost.encoder), ("decoder", &cost.decoder)] {
            for part in Part::ALL {
                let group = match part {
                    Part::Attention if config.architecture == Architecture::Transformer => "self_attn",
                    Part::Attention => "attn_branch",
                    Part::CrossAttention => "encoder_attn",
                    Part::Convolution => "conv_branch",
                    Part::FeedForward => "ffn",
                    Part::LayerNorm => "layer_norm",
                    Part::OutputProjection if config.adaptive_softmax.is_some() => "adaptive_softmax",
                    // The reference's count has an untied projection among the embeddings.
                    Part::Embedding | Part::OutputProjection => "embeddings",
                };
                let n = stack.count(part, Convention::Everything).parameters;
                if n > 0 {
                    let group = found.entry(format!("{stack_name}.{group}")).or_insert(0.into());
                    *group = (group.as_u64().unwrap() + n).into();
                }
            }
        }
        assert_eq!(serde_json::Value::Object(found), row["groups"], "{name}");
        let totals = parameters(&config, sizes);
        assert_eq!(Some(totals.total as u64), row["total"].as_u64(), "{name}");
        let of_clusters = row["groups"]["decoder.adaptive_softmax"].as_u64().unwrap_or(0);
        let embeddings = row["embeddings"].as_u64().unwrap() + of_clusters;
        assert_eq!(totals.embedding as u64, embeddings, "{name}");
    }
}

/// PyTorch's `flop_counter` over the authors' models at 30 + 30 tokens, halved: it sees no layer norm, and the
/// convolutions as products with band matrices.
#[test]
fn mult_adds_that_a_counter_found_in_the_reference() {
    for (config, millions) in [
        (lite(200), 91.03),
        (lite(408), 361.37),
        (lite(496), 529.67),
        (transformer(128), 86.72),
        (transformer(256), 338.60),
        (transformer(320), 526.46),
        (transformer(512), 1337.79),
    ] {
        let cost = Cost::new(&config, VocabularySizes::joint(0), Lengths::PAPER);
        let n_layers = config.encoder_layers + config.decoder_layers;
        let bands = match config.architecture {
            Architecture::Lite => n_layers * PAPER_LENGTH * PAPER_LENGTH * config.d_model / 2,
            _ => 0,
        };
        let norms = cost.part(Part::LayerNorm, Convention::AsPaper).mult_adds;
        let found = (cost.total(Convention::AsPaper).mult_adds - norms + bands as u64) as f64 / 1e6;
        assert!((found - millions).abs() <= 0.005, "{config:?}: {found} M");
    }
}

/// Every operation of a model of one layer a stack, written out.
#[test]
fn everything_by_hand() {
    let config = ModelConfig {
        encoder_layers: 1,
        decoder_layers: 1,
        n_heads: 2,
        branch_heads: 4,
        kernel_sizes: vec![3],
        ..ModelConfig::new(Architecture::Lite, 16, 24)
    };
    let (n, m, vocabulary) = (5, 7, 11);
    let cost = Cost::new(
        &config,
        VocabularySizes::joint(vocabulary),
        Lengths { source: n, target: m },
    );
    let (n, m, v) = (n as u64, m as u64, vocabulary as u64);
    let check = |part, parameters, mult_adds| {
        let count = Count { parameters, mult_adds };
        assert_eq!(cost.part(part, Convention::Everything), count, "{part:?}");
    };
    let branch = |n: u64| 4 * n * (8 * 8 + 8) + n * 8 + n * n * 8 + 5 * 4 * n * n + n * n * 8;
    check(Part::Attention, 2 * 4 * (8 * 8 + 8), branch(n) + branch(m));
    let cross = (2 * m + 2 * n) * (16 * 16 + 16) + m * 16 + 2 * m * n * 16 + 5 * 2 * m * n;
    check(Part::CrossAttention, 4 * (16 * 16 + 16), cross);
    // A token: input with gate, filter with softmax, sum over taps, output.
    let convolution = (8 * 16 + 16 + 2 * 8) + (8 * 4 * 3 + 5 * 4 * 3) + 3 * 8 + (8 * 8 + 8);
    let weights = (8 * 16 + 16) + 8 * 4 * 3 + (8 * 8 + 8);
    check(Part::Convolution, 2 * weights, (n + m) * convolution);
    let feed_forward = 16 * 24 + 24 + 24 * 16 + 16;
    check(Part::FeedForward, 2 * feed_forward, (n + m) * (feed_forward + 24));
    check(Part::LayerNorm, 5 * 2 * 16, (2 * n + 3 * m) * 16 * 6);
    check(Part::Embedding, v * 16, (n + m) * 2 * 16);
    check(Part::OutputProjection, 0, m * (16 * v + 5 * v));
}

/// Embeddings and output of a language model over ten words, the last four of them narrower by half.
#[test]
fn adaptive_embeddings_by_hand() {
    let tied = AdaptiveSoftmaxConfig {
        cutoffs: vec![6],
        factor: 2.0,
        dropout: 0.0,
        tie_weights: true,
        tie_projections: true,
    };
    let untied = AdaptiveSoftmaxConfig {
        tie_weights: false,
        tie_projections: false,
        ..tied.clone()
    };
    let length = 5;
    for (softmax, own) in [(tied, 16), (untied, (6 + 1) * 16 + 16 * 8 + 4 * 8)] {
        let config = ModelConfig {
            adaptive_input: Some(AdaptiveInputConfig {
                cutoffs: vec![6],
                factor: 2.0,
            }),
            adaptive_softmax: Some(softmax),
            ..language_model(Architecture::Lite, 16, 16)
        };
        let sizes = VocabularySizes::joint(10);
        let cost = Cost::new(&config, sizes, Lengths::both(length));
        let everything = |part| cost.part(part, Convention::Everything);
        let input = Count {
            parameters: 6 * 16 + 16 * 16 + 4 * 8 + 8 * 16,
            mult_adds: length as u64 * (16 * 16 + 2 * 16),
        };
        assert_eq!(everything(Part::Embedding), input);
        let head = (6 + 1) * (16 + 5);
        let cluster = 16 * 8 + 4 * (8 + 5 + 1);
        let output = Count {
            parameters: own,
            mult_adds: length as u64 * (head + cluster),
        };
        assert_eq!(everything(Part::OutputProjection), output);
        let paper = cost.part(Part::Embedding, Convention::AsPaper);
        assert_eq!((paper.parameters, paper.mult_adds), (0, length as u64 * 16 * 16));
        assert_eq!(everything(Part::CrossAttention), Count::default());
        assert_eq!(cost.encoder, StackCost::default());
    }
}

#[test]
fn the_paper_counts_a_part_of_everything() {
    for config in [
        lite(160),
        iwslt(160),
        transformer(128),
        ModelConfig {
            positions: PositionKind::Learned,
            share_embeddings: ShareEmbeddings::Decoder,
            pre_norm: true,
            ..ModelConfig::new(Architecture::DynamicConv, 64, 32)
        },
    ] {
        for lengths in [Lengths::both(0), Lengths::PAPER, Lengths { source: 1, target: 100 }] {
            let cost = Cost::new(&config, IWSLT, lengths);
            for stack in [&cost.encoder, &cost.decoder] {
                for part in Part::ALL {
                    let paper = stack.count(part, Convention::AsPaper);
                    let everything = stack.count(part, Convention::Everything);
                    assert!(paper.parameters <= everything.parameters, "{part:?}");
                    assert!(paper.mult_adds <= everything.mult_adds, "{part:?}");
                }
            }
            let empty = Cost::new(&config, IWSLT, Lengths::both(0));
            for convention in [Convention::AsPaper, Convention::Everything] {
                let parameters = cost.total(convention).parameters;
                assert_eq!(parameters, empty.total(convention).parameters, "weights have no length");
                assert_eq!(empty.total(convention).mult_adds, 0);
            }
        }
    }
}

#[test]
fn absurd_sizes_are_counted_without_a_panic() {
    let config = ModelConfig::new(Architecture::Lite, usize::MAX / 2, usize::MAX / 2);
    let cost = Cost::new(&config, VocabularySizes::joint(usize::MAX), Lengths::both(1000));
    assert_eq!(cost.total(Convention::AsPaper).mult_adds, u64::MAX);
}
