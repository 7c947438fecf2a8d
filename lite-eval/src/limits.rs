//! What a description from outside may claim, so that building what it describes takes no more than the weights that come with
//! it can account for.

use lite_data::{DataConfig, DataError, LongSources};
use lite_model::config::{ModelConfig, StackConfig};
use lite_model::error::ConfigError;
use lite_model::{VocabularySizes, cost, layout};

/// Larger than any width, kernel or number of words; products of two are far from 64 bits.
const LARGEST: usize = 1 << 24;

/// What is wrong with a description.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The architecture by itself.
    Config(ConfigError),
    /// The architecture beside the tensors.
    Tensors {
        /// Which tensor.
        place: String,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// Refuses a length that no source can be cut to.
pub(crate) fn check_data(data: &DataConfig) -> Result<(), DataError> {
    /// A word and `</s>`.
    const SHORTEST: usize = 2;
    if data.long_sources == LongSources::Drop || data.max_source_tokens >= SHORTEST {
        return Ok(());
    }
    Err(DataError::Config {
        message: format!(
            "max_source_tokens: found {}, expected {SHORTEST} or more, since long sources are cut to it",
            data.max_source_tokens
        ),
        hint: "</s> is counted; the length is that of the definition which the model was trained by".into(),
    })
}

/// Holds an architecture to the tensors that are there, by name and shape in the order of their names, before anything is built
/// of it.
pub(crate) fn check_model(
    config: &ModelConfig,
    sizes: VocabularySizes,
    tensors: &[(&str, &[usize])],
) -> Result<(), Refused> {
    let refuse = |key, found: String, expected: String| Err(Refused::Config(ConfigError { key, found, expected }));
    // A layer has several tensors.
    let most_layers = tensors.len();
    for (key, value) in [
        ("encoder_layers", config.encoder_layers),
        ("decoder_layers", config.decoder_layers),
    ] {
        if value > most_layers {
            let expected = format!("no more than the {most_layers} tensors of the file");
            return refuse(key, value.to_string(), expected);
        }
    }
    for (key, value) in numbers(config, sizes) {
        if value > LARGEST {
            return refuse(key, value.to_string(), format!("{LARGEST} or less"));
        }
    }
    // Which also bounds tables of positions: no weights stand for them.
    config.validate(sizes).map_err(Refused::Config)?;

    let wrong = |place: String, found: String, expected: String| Err(Refused::Tensors { place, found, expected });
    let Some(expected) = layout::tensors(config, sizes) else {
        let claimed = cost::parameters(config, sizes).total;
        let count = |shape: &[usize]| shape.iter().fold(1, |n: usize, &size| n.saturating_mul(size));
        let found = tensors
            .iter()
            .fold(0, |sum: usize, (_, shape)| sum.saturating_add(count(shape)));
        if found == claimed {
            return Ok(());
        }
        let expected = format!("the architecture's {claimed}");
        return wrong("all tensors".into(), format!("{found} weights"), expected);
    };
    for (name, shape) in &expected {
        let place = format!("tensor `{name}`");
        let found = tensors.binary_search_by(|(known, _)| (*known).cmp(name.as_str()));
        match found.map(|i| tensors[i].1) {
            Err(_) => return wrong(place, "nothing".into(), format!("shape {shape:?}")),
            Ok(found) if found != shape => {
                return wrong(place, format!("shape {found:?}"), format!("shape {shape:?}"));
            }
            Ok(_) => {}
        }
    }
    if tensors.len() == expected.len() {
        return Ok(());
    }
    let is_unknown = |name: &str| expected.iter().all(|(known, _)| known != name);
    let unknown = tensors.iter().find(|(name, _)| is_unknown(name));
    let name = unknown.map_or("", |(name, _)| name);
    let expected = format!("the {} tensors of the architecture", expected.len());
    wrong(format!("tensor `{}`", name.escape_debug()), "it".into(), expected)
}

/// Every number of a description that makes something larger.
fn numbers(config: &ModelConfig, sizes: VocabularySizes) -> Vec<(&'static str, usize)> {
    let mut numbers = vec![
        ("d_model", config.d_model),
        ("d_ff", config.d_ff),
        ("n_heads", config.n_heads),
        ("branch_heads", config.branch_heads),
        ("attention_channels", config.attention_channels.unwrap_or(0)),
        ("max_source_positions", config.max_source_positions),
        ("max_target_positions", config.max_target_positions),
        ("decoder_input_dim", config.decoder_input_dim.unwrap_or(0)),
        ("vocabulary", sizes.source.max(sizes.target)),
    ];
    let stacks: [&StackConfig; 2] = [&config.encoder, &config.decoder];
    for stack in stacks {
        numbers.extend([
            ("d_model", stack.d_model.unwrap_or(0)),
            ("d_ff", stack.d_ff.unwrap_or(0)),
            ("n_heads", stack.n_heads.unwrap_or(0)),
        ]);
        numbers.extend(stack.kernel_sizes.iter().flatten().map(|&size| ("kernel_sizes", size)));
    }
    numbers.extend(config.kernel_sizes.iter().map(|&size| ("kernel_sizes", size)));
    let branches = [&config.branches, &config.encoder.branches, &config.decoder.branches];
    for branch in branches.into_iter().flatten().flatten() {
        numbers.extend([
            ("branches", branch.channels),
            ("branches", branch.n_heads),
            ("branches", branch.kernel_size.unwrap_or(0)),
        ]);
    }
    numbers
}
