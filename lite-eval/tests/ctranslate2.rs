//! The model folder that CTranslate2 reads, byte by byte. Whether it translates the same is for `fixtures/check_ctranslate2.py`,
//! which needs the Python package.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use experiments::RunDefinition;
use lite_data::{LineRules, Tokeniser, Vocabulary};
use lite_eval::export::Exported;
use lite_eval::run::Text;
use lite_model::config::ShareEmbeddings;
use lite_model::{Architecture, ModelConfig, VocabularySizes, layout};
use serde_json::Value as Json;

/// Shape, type, and bytes.
type Variables = BTreeMap<String, (Vec<usize>, u8, Vec<u8>)>;

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, n: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken.to_vec()
    }

    fn number(&mut self, size: usize) -> usize {
        let bytes = self.take(size);
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | usize::from(byte))
    }

    fn text(&mut self) -> String {
        let len = self.number(2);
        let bytes = self.take(len);
        String::from_utf8(bytes.strip_suffix(b"\0").unwrap().to_vec()).unwrap()
    }
}

fn read(path: &Path) -> (Variables, BTreeMap<String, String>) {
    let bytes = fs::read(path).unwrap();
    let mut reader = Reader(&bytes);
    assert_eq!(reader.number(4), 6);
    assert_eq!(reader.text(), "TransformerSpec");
    assert_eq!(reader.number(4), 7);
    let n = reader.number(4);
    let mut variables = Variables::new();
    for _ in 0..n {
        let name = reader.text();
        let n_dimensions = reader.number(1);
        let shape: Vec<usize> = (0..n_dimensions).map(|_| reader.number(4)).collect();
        let kind = reader.number(1) as u8;
        let n_bytes = reader.number(4);
        assert_eq!(n_bytes, shape.iter().product::<usize>() * [4, 1, 2][usize::from(kind)]);
        variables.insert(name, (shape, kind, reader.take(n_bytes)));
    }
    let n = reader.number(4);
    let aliases = (0..n).map(|_| (reader.text(), reader.text())).collect();
    assert!(reader.0.is_empty());
    (variables, aliases)
}

fn exported(share: ShareEmbeddings, pre_norm: bool) -> Exported {
    let vocabulary = |n: usize| {
        let text: String = (0..n).map(|i| format!("w{i} 1\n")).collect();
        Vocabulary::from_text(&text, Path::new("dict")).unwrap()
    };
    let (source, target) = match share {
        ShareEmbeddings::All => (vocabulary(6), vocabulary(6)),
        _ => (vocabulary(6), vocabulary(7)),
    };
    let model = ModelConfig {
        encoder_layers: 1,
        decoder_layers: 2,
        n_heads: 2,
        max_source_positions: 20,
        max_target_positions: 30,
        share_embeddings: share,
        pre_norm,
        ..ModelConfig::new(Architecture::Transformer, 8, 16)
    };
    let sizes = VocabularySizes {
        source: source.len(),
        target: target.len(),
    };
    let mut number = 0.0;
    let tensors = layout::tensors(&model, sizes)
        .unwrap()
        .into_iter()
        .map(|(name, shape)| {
            let values = (0..shape.iter().product()).map(|_| {
                number += 1.0;
                number
            });
            let values = values.collect();
            (name, shape, values)
        });
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Exported {
        definition: RunDefinition::resolved("test", "transformer", serde_json::json!({})),
        model,
        text: Text {
            tokeniser: Tokeniser::Words,
            source,
            target,
            rules: LineRules::default(),
        },
        tensors,
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn the_variables_are_those_that_ctranslate2_lists() {
    let expected = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/ctranslate2_variables.txt"
    ))
    .unwrap();
    for (share, pre_norm) in [
        (ShareEmbeddings::All, false),
        (ShareEmbeddings::All, true),
        (ShareEmbeddings::Decoder, false),
        (ShareEmbeddings::None, false),
    ] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        let model = exported(share, pre_norm);
        model.write_ctranslate2(&folder).unwrap();
        let (variables, aliases) = read(&folder.join("model.bin"));
        // What the Python package writes for a model with one layer in each stack, without final norms and with all tables tied.
        let mut names: Vec<String> = variables
            .iter()
            .map(|(name, (shape, kind, _))| format!("{name} {} {kind}", shape.len()))
            .chain(aliases.iter().map(|(alias, name)| format!("{alias} -> {name}")))
            .collect();
        names.retain(|name| !name.contains("layer_1/") && !name.contains("coder/layer_norm/"));
        if share == ShareEmbeddings::All {
            assert_eq!(names.join("\n") + "\n", expected);
        }
        let n_norms = variables
            .keys()
            .filter(|name| name.contains("coder/layer_norm/"))
            .count();
        assert_eq!(n_norms, if pre_norm { 4 } else { 0 });
        let n_tables = match share {
            ShareEmbeddings::All => 1,
            ShareEmbeddings::Decoder => 2,
            ShareEmbeddings::None => 3,
        };
        let tables = variables
            .keys()
            .filter(|name| name.contains("embeddings") || name.contains("projection"));
        assert_eq!(tables.filter(|name| name.ends_with("/weight")).count(), n_tables);
        assert_eq!(n_tables + aliases.len(), 3);
    }
}

#[test]
fn products_are_joined_and_positions_begin_behind_padding() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    let model = exported(ShareEmbeddings::All, false);
    model.write_ctranslate2(&folder).unwrap();
    let (variables, _) = read(&folder.join("model.bin"));
    let tensor = |name: &str| &model.tensors.iter().find(|(known, ..)| known == name).unwrap().2;

    let (shape, _, bytes) = &variables["decoder/layer_1/self_attention/linear_0/weight"];
    let parts = ["q_proj", "k_proj", "v_proj"].map(|part| tensor(&format!("decoder.layers.1.self_attn.{part}.weight")));
    assert_eq!(
        (shape, floats(bytes)),
        (&vec![24, 8], parts.map(Vec::as_slice).concat())
    );
    let (shape, _, bytes) = &variables["decoder/layer_0/attention/linear_1/bias"];
    let parts = ["k_proj", "v_proj"].map(|part| tensor(&format!("decoder.layers.0.encoder_attn.{part}.bias")));
    assert_eq!((shape, floats(bytes)), (&vec![16], parts.map(Vec::as_slice).concat()));

    let (shape, _, bytes) = &variables["decoder/position_encodings/encodings"];
    assert_eq!(shape, &[30, 8]);
    // The first token stands at position 2: sin(2 f) and cos(2 f) of the highest frequency, which is 1.
    let row = floats(bytes);
    assert!(
        (row[0] - 2f32.sin()).abs() < 1e-6 && (row[4] - 2f32.cos()).abs() < 1e-6,
        "{row:?}"
    );

    let pieces: Vec<String> =
        serde_json::from_slice(&fs::read(folder.join("shared_vocabulary.json")).unwrap()).unwrap();
    assert_eq!(pieces[..5], ["<s>", "<blank>", "</s>", "<unk>", "w0"]);
    let config: Json = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["decoder_start_token"], "</s>");
}
