//! Byte-pair encoding as subword-nmt does it (Sennrich et al. 2016), with the same bytes.
//!
//! - [`learn`] gives the codes file of `learn_bpe.py`, and of `learn_joint_bpe_and_vocab.py` on the words of both sides.
//! - [`Codes`] reads such a file, version 0.1 or 0.2, and cuts words as `apply_bpe.py` does: `ge@@ ht`.
//! - [`PieceList`] is the list of pieces with counts that `learn_joint_bpe_and_vocab.py` writes and
//!   `--vocabulary` reads.
//!
//! The crate `tokenizers`, which learns our SentencePiece models, does not serve: its trainer breaks ties by the numbers
//! of symbols and not by their strings, and keeps exact counts where the script's are not, so that its merges are others;
//! and it can neither leave out rare pieces nor mark the pieces that do not end a word. Glossaries and dropout are not
//! here, since nothing uses them.

mod codes;
mod learn;
mod pieces;
mod replace;

pub use codes::Codes;
pub use learn::{LearnConfig, learn};
pub use pieces::PieceList;

/// What marks the last symbol of a word in codes.
const END: &str = "</w>";

/// What marks a piece that does not end a word.
pub const SEPARATOR: &str = "@@";

/// Joins pieces, as `sed 's/@@ //g'` does; a mark at the end of the line goes too.
pub fn join_pieces(pieces: &[&str]) -> String {
    let mut line = String::new();
    let mut inside = true;
    for piece in pieces {
        if !inside {
            line.push(' ');
        }
        let stem = piece.strip_suffix(SEPARATOR);
        line.push_str(stem.unwrap_or(piece));
        inside = stem.is_some();
    }
    line
}
