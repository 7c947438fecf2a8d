//! The tokens behind the beams of one sentence, as a tree: a beam is a leaf, and beams share their past.

use super::{EOS, Hypothesis};
use crate::decode::DecodeConfig;

/// A place in the tree; the root is the empty translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(u32);

impl NodeId {
    pub(super) const ROOT: Self = Self(u32::MAX);
}

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: NodeId,
    token: u32,
    /// Log-probability of everything up to this token.
    score: f32,
    alignment: usize,
}

#[derive(Debug, Default)]
pub(super) struct History {
    nodes: Vec<Node>,
}

impl History {
    pub(super) fn push(&mut self, parent: NodeId, token: u32, score: f32, alignment: usize) -> NodeId {
        self.nodes.push(Node {
            parent,
            token,
            score,
            alignment,
        });
        NodeId((self.nodes.len() - 1) as u32)
    }

    pub(super) fn last_token(&self, node: NodeId) -> Option<u32> {
        self.get(node).map(|node| node.token)
    }

    /// The translation that ends with `node`.
    pub(super) fn hypothesis(&self, node: NodeId, config: &DecodeConfig) -> Hypothesis {
        let path = self.path(node);
        let sum = path.last().map_or(0.0, |node| node.score);
        let score = if config.normalise {
            sum / (path.len() as f32).powf(config.length_penalty)
        } else {
            sum
        };
        let before = std::iter::once(0.0).chain(path.iter().map(|node| node.score));
        Hypothesis {
            tokens: path.iter().map(|node| node.token).collect(),
            score,
            token_scores: path
                .iter()
                .zip(before)
                .map(|(node, before)| node.score - before)
                .collect(),
            alignment: path.iter().map(|node| node.alignment).collect(),
        }
    }

    /// Adds to `banned` the tokens that would make the last `n` tokens after `node` repeat earlier ones.
    ///
    /// The `</s>` that starts a target counts as a token. `n = 0` bans nothing.
    pub(super) fn repeated_ngrams(&self, node: NodeId, n: usize, banned: &mut Vec<u32>) {
        if n == 0 {
            return;
        }
        let mut tokens = vec![EOS];
        tokens.extend(self.path(node).iter().map(|node| node.token));
        if tokens.len() < n {
            return;
        }
        let prefix = &tokens[tokens.len() + 1 - n..];
        let repeated = tokens
            .windows(n)
            .filter(|gram| &gram[..n - 1] == prefix)
            .map(|gram| gram[n - 1]);
        banned.extend(repeated.filter(|&token| token != EOS));
    }

    fn get(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.0 as usize)
    }

    fn path(&self, node: NodeId) -> Vec<Node> {
        let mut path: Vec<Node> = std::iter::successors(self.get(node), |node| self.get(node.parent))
            .copied()
            .collect();
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banned(tokens: &[u32], n: usize) -> Vec<u32> {
        let mut history = History::default();
        let node = tokens
            .iter()
            .fold(NodeId::ROOT, |parent, &token| history.push(parent, token, 0.0, 0));
        let mut banned = Vec::new();
        history.repeated_ngrams(node, n, &mut banned);
        banned
    }

    #[test]
    fn bans_what_would_repeat_an_ngram() {
        for (tokens, n, expected) in [
            (&[5, 6, 5][..], 2, vec![6]),
            (&[5, 6, 7, 5, 6], 3, vec![7]),
            (&[5, 6, 7, 5, 6], 4, vec![]),
            (&[5, 5, 5], 2, vec![5, 5]),
            (&[5, 6], 1, vec![5, 6]),
            (&[5, 6, 5], 0, vec![]),
            (&[], 2, vec![]),
        ] {
            assert_eq!(banned(tokens, n), expected, "{tokens:?} n = {n}");
        }
    }
}
