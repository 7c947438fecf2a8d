//! How well a language model foretells a text (fairseq `eval_lm.py`, `token_block_dataset.py`,
//! `lm_context_window_dataset.py`).

use std::fmt;
use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_data::{EOS, PAD, Progress, Tokeniser};
use lite_model::{LanguageModel, ModelConfig};
use serde::{Deserialize, Serialize};

use crate::workers::Workers;

/// Where a text is cut into blocks.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum BreakMode {
    /// Anywhere: every block but the last is full.
    #[default]
    None,
    /// At ends of lines: a block has as many whole lines as it holds, and one at least.
    Complete,
    /// At every end of a line.
    Eos,
}

/// How a text is measured: the `[decode.perplexity]` table of a definition.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PerplexitySettings {
    /// Where it is cut. Default: none
    pub break_mode: BreakMode,
    /// Tokens before a block that the model sees again, at most; blocks are shorter by as many. Default: 0
    pub context_window: usize,
    /// Tokens computed together, context and padding included. It changes no result. Default: 4096
    pub max_tokens: usize,
}

impl Default for PerplexitySettings {
    fn default() -> Self {
        Self {
            break_mode: BreakMode::default(),
            context_window: 0,
            max_tokens: 4096,
        }
    }
}

/// What a perplexity is of: `word|eos:counted|break:none|context:192|stride:64`.
///
/// Without it two perplexities cannot be compared.
#[derive(Serialize, Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// What a token is: `word`, `piece` or, where the text came in pieces, `token`.
    pub unit: &'static str,
    /// Where the text is cut.
    pub break_mode: BreakMode,
    /// Tokens before a block that the model sees again, at most.
    pub context_window: usize,
    /// Tokens of a block, at most: those that are counted after each context.
    pub stride: usize,
}

impl Measure {
    /// What is measured by these settings with a tokeniser and a model of so many positions.
    pub fn new(settings: &PerplexitySettings, tokeniser: &Tokeniser, max_positions: usize) -> Self {
        Self {
            unit: match tokeniser {
                Tokeniser::Words => "word",
                Tokeniser::None => "token",
                Tokeniser::SentencePiece(_) | Tokeniser::SubwordNmt(_) => "piece",
            },
            break_mode: settings.break_mode,
            context_window: settings.context_window,
            stride: max_positions.saturating_sub(settings.context_window),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.break_mode {
            BreakMode::None => "none",
            BreakMode::Complete => "complete",
            BreakMode::Eos => "eos",
        };
        write!(
            formatter,
            "unit:{}|eos:counted|break:{mode}|context:{}|stride:{}",
            self.unit, self.context_window, self.stride
        )
    }
}

/// What a text costs.
#[derive(Serialize, Debug, Clone, Copy, PartialEq)]
pub struct Perplexity {
    /// Mean negative log-likelihood of a token in nats.
    pub loss: f64,
    /// Its exponential.
    pub perplexity: f64,
    /// Tokens that were counted: every one of the text, `</s>` of each line included, but for blocks left out.
    pub tokens: u64,
}

/// A text that cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerplexityError {
    /// The context takes all positions.
    #[error("context window: found {found}, expected less than the model's {max_positions} positions")]
    ContextWindow {
        /// What was asked for.
        found: usize,
        /// The longest block that the model was trained on.
        max_positions: usize,
    },
    /// There is nothing to measure.
    #[error("the text: found no token in a block that the model has positions for, expected one or more")]
    Empty,
}

/// A block with what precedes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// What the model reads: context, then the block shifted by one token.
    input: Vec<u32>,
    /// The block.
    targets: Vec<u32>,
}

impl Row {
    fn n_context(&self) -> usize {
        self.input.len() - self.targets.len()
    }
}

/// Measures lines of tokens, each of which ends in `</s>`.
///
/// Blocks of one line that is longer than the model's positions are left out and said so, as the reference does.
pub fn perplexity(
    model: &LanguageModel,
    model_config: &ModelConfig,
    lines: &[Vec<u32>],
    settings: &PerplexitySettings,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Perplexity, PerplexityError> {
    Perplexity::of(&line_losses(model, model_config, lines, settings, device, progress)?)
}

/// What a line costs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LineLoss {
    /// Negative log-likelihood in nats.
    pub nats: f64,
    /// Tokens, `</s>` included; 0 of a line that was left out.
    pub tokens: u64,
}

impl Perplexity {
    /// The perplexity of lines together.
    pub fn of(lines: &[LineLoss]) -> Result<Self, PerplexityError> {
        let tokens: u64 = lines.iter().map(|line| line.tokens).sum();
        if tokens == 0 {
            return Err(PerplexityError::Empty);
        }
        let loss = lines.iter().map(|line| line.nats).sum::<f64>() / tokens as f64;
        Ok(Self {
            loss,
            perplexity: loss.exp(),
            tokens,
        })
    }
}

/// What each line costs; its parts may stand in several blocks.
pub fn line_losses(
    model: &LanguageModel,
    model_config: &ModelConfig,
    lines: &[Vec<u32>],
    settings: &PerplexitySettings,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Vec<LineLoss>, PerplexityError> {
    let measured = measure(model, model_config, lines, settings, device, progress)?;
    let mut values = measured
        .into_iter()
        .flat_map(|block| block.places.zip(block.values))
        .peekable();
    let mut end = 0;
    let losses = lines.iter().map(|line| {
        end += line.len();
        let mut loss = LineLoss::default();
        while let Some((_, value)) = values.next_if(|(place, _)| *place < end) {
            loss.nats -= f64::from(value);
            loss.tokens += 1;
        }
        loss
    });
    Ok(losses.collect())
}

/// The log-probability of every token, block by block in the order of the text.
pub fn log_probabilities(
    model: &LanguageModel,
    model_config: &ModelConfig,
    lines: &[Vec<u32>],
    settings: &PerplexitySettings,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f32>>, PerplexityError> {
    let measured = measure(model, model_config, lines, settings, device, progress)?;
    Ok(measured.into_iter().map(|block| block.values).collect())
}

/// A block that was measured.
struct Measured {
    /// Its tokens' places in the text.
    places: Range<usize>,
    /// Their log-probabilities.
    values: Vec<f32>,
}

/// The blocks of a text, without those that are left out.
fn measure(
    model: &LanguageModel,
    model_config: &ModelConfig,
    lines: &[Vec<u32>],
    settings: &PerplexitySettings,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Vec<Measured>, PerplexityError> {
    let max_positions = model_config.max_target_positions;
    let Some(block_length) = max_positions
        .checked_sub(settings.context_window)
        .filter(|&length| length > 0)
    else {
        return Err(PerplexityError::ContextWindow {
            found: settings.context_window,
            max_positions,
        });
    };
    let stream: Vec<u32> = lines.concat();
    let mut blocks = blocks(lines, block_length, settings.break_mode);
    blocks.retain(|block| {
        let fits = block.len() <= max_positions;
        if !fits {
            progress.message(&format!(
                "a line of {} tokens, but the model has {max_positions} positions: left out",
                block.len()
            ));
        }
        fits
    });
    let rows = rows(&stream, &blocks, settings.context_window, max_positions);
    progress.begin("measuring", Some(rows.len() as u64));
    let mut found = Vec::new();
    Workers::for_device(device).each(
        batches(&rows, settings.max_tokens),
        |_, batch| batch_log_probabilities(model, batch, device),
        |values| {
            found.extend(values);
            progress.advance(found.len() as u64);
        },
    );
    progress.end();
    let measured = blocks.into_iter().zip(found);
    Ok(measured.map(|(places, values)| Measured { places, values }).collect())
}

/// The blocks of a text, as ranges of its tokens.
fn blocks(lines: &[Vec<u32>], block_length: usize, break_mode: BreakMode) -> Vec<Range<usize>> {
    let lengths = lines.iter().map(Vec::len).filter(|&length| length > 0);
    let mut blocks: Vec<Range<usize>> = Vec::new();
    match break_mode {
        BreakMode::None => {
            let total = lengths.sum();
            let begins = (0..total).step_by(block_length);
            blocks.extend(begins.map(|begin| begin..total.min(begin + block_length)));
        }
        BreakMode::Eos | BreakMode::Complete => {
            for length in lengths {
                match blocks.last_mut() {
                    Some(block) if break_mode == BreakMode::Complete && block.len() + length <= block_length => {
                        block.end += length;
                    }
                    last => {
                        let begin = last.map_or(0, |block| block.end);
                        blocks.push(begin..begin + length);
                    }
                }
            }
        }
    }
    blocks
}

/// What the model reads for each block: it follows what the block before read, as far as the positions suffice.
fn rows(stream: &[u32], blocks: &[Range<usize>], context_window: usize, max_positions: usize) -> Vec<Row> {
    let mut context: Vec<u32> = Vec::new();
    let rows = blocks.iter().map(|block| {
        let surplus = (context.len() + block.len()).saturating_sub(max_positions);
        let mut input = context.split_off(surplus.min(context.len()));
        // The token before the block; a text begins after an end of a line.
        input.push(block.start.checked_sub(1).map_or(EOS, |before| stream[before]));
        input.extend(&stream[block.start..block.end - 1]);
        context = input[input.len().saturating_sub(context_window)..].to_vec();
        Row {
            input,
            targets: stream[block.clone()].to_vec(),
        }
    });
    rows.collect()
}

/// Rows in their order, together as long as they have at most `max_tokens` tokens with padding.
fn batches(rows: &[Row], max_tokens: usize) -> Vec<&[Row]> {
    let mut batches = Vec::new();
    let (mut begin, mut longest) = (0, 0);
    for (i, row) in rows.iter().enumerate() {
        let length = longest.max(row.input.len());
        if i > begin && length * (i + 1 - begin) > max_tokens {
            batches.push(&rows[begin..i]);
            (begin, longest) = (i, row.input.len());
        } else {
            longest = length;
        }
    }
    if begin < rows.len() {
        batches.push(&rows[begin..]);
    }
    batches
}

/// Rows of features that the output is computed for at a time: 80 MB of logits for each 20,000 words.
const OUTPUT_ROWS: usize = 1024;

fn batch_log_probabilities(model: &LanguageModel, batch: &[Row], device: &Device) -> Vec<Vec<f32>> {
    let length = batch.iter().map(|row| row.input.len()).max().unwrap_or(0);
    let mut input = Vec::with_capacity(batch.len() * length);
    let mut positions: Vec<i32> = Vec::new();
    let mut targets: Vec<i32> = Vec::new();
    for (i, row) in batch.iter().enumerate() {
        let begin = i * length;
        positions.extend((begin + row.n_context()..begin + row.input.len()).map(|position| position as i32));
        targets.extend(row.targets.iter().map(|&target| target as i32));
        input.extend(row.input.iter().map(|&token| token as i32));
        input.resize(begin + length, PAD as i32);
    }
    let input = Tensor::<2, Int>::from_data(TensorData::new(input, [batch.len(), length]), device);
    let features = model.features(input);
    let [_, _, d_model] = features.dims();
    let features = features.reshape([batch.len() * length, d_model]);
    let mut values = Vec::with_capacity(targets.len());
    for (positions, targets) in positions.chunks(OUTPUT_ROWS).zip(targets.chunks(OUTPUT_ROWS)) {
        let positions = TensorData::new(positions.to_vec(), [positions.len()]);
        let positions = Tensor::<1, Int>::from_data(positions, device);
        let begin = values.len();
        values.resize(begin + targets.len(), 0.0);
        for part in model.output_parts(features.clone().select(0, positions), targets) {
            let found = part.log_probabilities().into_data();
            for (&row, value) in part.rows.iter().zip(found.iter::<f32>()) {
                values[begin + row as usize] += value;
            }
        }
    }
    let mut values = values.into_iter();
    let lengths = batch.iter().map(|row| row.targets.len());
    lengths.map(|length| values.by_ref().take(length).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Vec<u32>> {
        vec![vec![10, 11, 2], vec![12, 2], vec![13, 14, 15, 16, 2], vec![2]]
    }

    #[test]
    fn a_text_is_cut_where_the_mode_says() {
        let cut = |mode, length| blocks(&lines(), length, mode);
        assert_eq!(cut(BreakMode::None, 4), [0..4, 4..8, 8..11]);
        assert_eq!(cut(BreakMode::Eos, 4), [0..3, 3..5, 5..10, 10..11]);
        assert_eq!(cut(BreakMode::Complete, 5), [0..5, 5..10, 10..11]);
        // A line that is longer than a block stands alone.
        assert_eq!(cut(BreakMode::Complete, 4), [0..3, 3..5, 5..10, 10..11]);
        assert_eq!(cut(BreakMode::Complete, 10), [0..10, 10..11]);
        assert!(blocks(&[], 4, BreakMode::Complete).is_empty());
        assert!(blocks(&[], 4, BreakMode::None).is_empty());
    }

    #[test]
    fn a_row_follows_the_one_before() {
        let stream = lines().concat();
        let rows = rows(&stream, &blocks(&lines(), 3, BreakMode::None), 2, 5);
        let expected: [(&[u32], &[u32]); 4] = [
            (&[2, 10, 11], &[10, 11, 2]),
            (&[10, 11, 2, 12, 2], &[12, 2, 13]),
            (&[12, 2, 13, 14, 15], &[14, 15, 16]),
            (&[14, 15, 16, 2], &[2, 2]),
        ];
        let expected = expected.map(|(input, targets)| Row {
            input: input.to_vec(),
            targets: targets.to_vec(),
        });
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_long_block_leaves_less_room_for_its_context() {
        let stream = lines().concat();
        let rows = rows(&stream, &blocks(&lines(), 2, BreakMode::Complete), 4, 6);
        let n_context: Vec<usize> = rows.iter().map(Row::n_context).collect();
        assert_eq!(n_context, [0, 3, 1, 4]);
        assert_eq!(rows[2].input, [12, 2, 13, 14, 15, 16]);
    }

    #[test]
    fn batches_hold_every_row_once_and_not_too_many() {
        let stream = lines().concat();
        let rows = rows(&stream, &blocks(&lines(), 4, BreakMode::Eos), 0, 5);
        for (max_tokens, expected) in [
            (1, vec![1, 1, 1, 1]),
            (6, vec![2, 1, 1]),
            (10, vec![2, 2]),
            (99, vec![4]),
        ] {
            let batches = batches(&rows, max_tokens);
            let sizes: Vec<usize> = batches.iter().map(|batch| batch.len()).collect();
            assert_eq!(sizes, expected, "{max_tokens}");
            assert_eq!(batches.concat(), rows);
        }
    }
}
