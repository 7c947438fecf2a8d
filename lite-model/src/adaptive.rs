//! Word vectors and a softmax by bands of frequency: frequent words have wide vectors, rare ones narrow ones
//! (Baevski and Auli 2019, Grave et al. 2017; fairseq `adaptive_input.py`, `adaptive_softmax.py`).

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::{AdaptiveInputConfig, AdaptiveSoftmaxConfig};
use crate::dropout::Dropout;
use crate::embedding::Embedding;
use crate::init::{BiasInit, uniform, xavier_linear};
use crate::kernels;
use crate::linear::Linear;

/// Word vectors by bands: a table for each, and a projection to the model's width.
#[derive(Module, Debug)]
pub struct AdaptiveInput {
    /// Table and projection, named by their places as in the reference.
    embeddings: Vec<(Embedding, Linear)>,
    #[module(skip)]
    bands: Vec<Range<usize>>,
}

impl AdaptiveInput {
    /// Vectors of `d_model` channels for `vocabulary_size` words, of which the first have `d_input` of their own.
    pub(crate) fn new(
        config: &AdaptiveInputConfig,
        vocabulary_size: usize,
        d_input: usize,
        d_model: usize,
        device: &Device,
    ) -> Self {
        let bands = config.bands(vocabulary_size);
        let embeddings = bands.iter().enumerate().map(|(i, band)| {
            let width = config.width(d_input, i);
            (
                // As in the reference, the second entry of every band begins as zeros, not just padding's.
                Embedding::new(band.len(), width, device),
                xavier_linear(width, d_model, 1.0, BiasInit::Absent, device),
            )
        });
        Self {
            embeddings: embeddings.collect(),
            bands,
        }
    }

    /// The vectors of `tokens`, times the square root of `d_model`.
    ///
    /// # Shapes
    ///
    /// - tokens: `[batch_size, length]`
    /// - output: `[batch_size, length, d_model]`
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [batch_size, length] = tokens.dims();
        let tokens = tokens.reshape([batch_size * length]);
        let sum = self.bands.iter().zip(&self.embeddings).map(|(band, embedding)| {
            // Every band for every token, and zeros where it is another's: no shape depends on the ids.
            projected(band, embedding, &tokens)
        });
        let vectors = sum.reduce(|sum, vectors| sum + vectors).expect("a band at least");
        let [_, d_model] = vectors.dims();
        vectors
            .mul_scalar((d_model as f64).sqrt())
            .reshape([batch_size, length, d_model])
    }
}

fn projected(band: &Range<usize>, (table, projection): &(Embedding, Linear), tokens: &Tensor<1, Int>) -> Tensor<2> {
    let index = tokens.clone().sub_scalar(band.start as i64);
    let is_inside = index
        .clone()
        .greater_equal_elem(0)
        .bool_and(index.clone().lower_elem(band.len() as i64));
    let index = index.clamp(0, band.len() as i64 - 1);
    let vectors = table.weight().select(0, index);
    let vectors = vectors * is_inside.float().unsqueeze_dim(1);
    kernels::rounded_product(&vectors, projection.weight()).unwrap_or_else(|| projection.forward(vectors))
}

/// A softmax over the frequent words and the clusters of the others, and one over the words of each cluster.
///
/// What is tied is not here but in the [`AdaptiveInput`].
#[derive(Module, Debug)]
pub struct AdaptiveSoftmax {
    head: Head,
    /// Projection, dropout and words of each cluster, named by their places as in the reference.
    tail: Vec<(Option<Linear>, Dropout, Option<Words>)>,
    dropout: Dropout,
    #[module(skip)]
    bands: Vec<Range<usize>>,
}

#[derive(Module, Debug)]
struct Head {
    /// Words, then clusters, `[n_words + n_clusters, d_model]`, where the words are not tied.
    weight: Option<Param<Tensor<2>>>,
    /// The clusters alone, where the words are tied and there are clusters.
    class_proj: Option<Linear>,
}

#[derive(Module, Debug)]
struct Words {
    /// `[n_words, width]`
    weight: Param<Tensor<2>>,
}

/// A softmax and what it is asked: one a batch for a plain output, head and clusters for an adaptive one.
#[derive(Debug, Clone)]
pub struct OutputPart {
    /// What the softmax is computed from, `[n_targets, width]`.
    pub features: Tensor<2>,
    /// One row for each entry, `[n_entries, width]`; there is no bias.
    pub weight: Tensor<2>,
    /// The entry that each row of `features` is asked for, counted in this softmax.
    pub targets: Vec<i32>,
    /// The row of the batch that each row of `features` belongs to.
    pub rows: Vec<i32>,
}

/// The weights of an adaptive softmax, wherever they are kept.
pub(crate) struct AdaptiveOutput<'a> {
    /// Words, then clusters, `[n_words + n_clusters, d_model]`.
    head: Tensor<2>,
    clusters: Vec<Cluster<'a>>,
    softmax: &'a AdaptiveSoftmax,
}

struct Cluster<'a> {
    ids: &'a Range<usize>,
    /// `[d_model, width]`
    projection: Tensor<2>,
    /// `[n_words, width]`
    words: Tensor<2>,
    dropout: &'a Dropout,
}

impl AdaptiveSoftmax {
    /// The weights that are not tied.
    pub(crate) fn new(config: &AdaptiveSoftmaxConfig, vocabulary_size: usize, d_model: usize, device: &Device) -> Self {
        let bands = config.bands(vocabulary_size);
        let n_clusters = bands.len() - 1;
        let rows = |n_rows: usize, width: usize| {
            let bound = (6.0 / (n_rows + width) as f64).sqrt();
            uniform([n_rows, width], bound, device)
        };
        let head = Head {
            weight: (!config.tie_weights).then(|| rows(bands[0].len() + n_clusters, d_model)),
            class_proj: (config.tie_weights && n_clusters > 0)
                .then(|| xavier_linear(d_model, n_clusters, 1.0, BiasInit::Absent, device)),
        };
        let tail = bands[1..].iter().enumerate().map(|(cluster, ids)| {
            let width = config.cluster_width(d_model, cluster);
            (
                (!config.tie_projections).then(|| xavier_linear(d_model, width, 1.0, BiasInit::Absent, device)),
                Dropout::new(config.dropout),
                (!config.tie_weights).then(|| Words {
                    weight: rows(ids.len(), width),
                }),
            )
        });
        Self {
            head,
            tail: tail.collect(),
            dropout: Dropout::new(config.dropout),
            bands,
        }
    }

    /// The weights together with those that `input` has for both.
    pub(crate) fn output<'a>(&'a self, input: Option<&AdaptiveInput>) -> AdaptiveOutput<'a> {
        let tied = |band: usize| &input.expect("tied weights have an adaptive input").embeddings[band];
        let head = match (&self.head.weight, &self.head.class_proj) {
            (Some(weight), _) => weight.val(),
            // The first band's projection is the input's alone.
            (None, Some(clusters)) => Tensor::cat(vec![tied(0).0.weight(), clusters.weight().transpose()], 0),
            (None, None) => tied(0).0.weight(),
        };
        let clusters = self.bands[1..].iter().zip(&self.tail).enumerate();
        let clusters = clusters.map(|(i, (ids, (projection, dropout, words)))| Cluster {
            ids,
            projection: match projection {
                Some(projection) => projection.weight(),
                None => tied(i + 1).1.weight().transpose(),
            },
            words: match words {
                Some(words) => words.weight.val(),
                None => tied(i + 1).0.weight(),
            },
            dropout,
        });
        AdaptiveOutput {
            head,
            clusters: clusters.collect(),
            softmax: self,
        }
    }
}

impl AdaptiveOutput<'_> {
    /// Log-probabilities of all words: `[rows, d_model]` to `[rows, vocabulary_size]`.
    pub(crate) fn log_probabilities(&self, features: Tensor<2>) -> Tensor<2> {
        let features = self.softmax.dropout.forward(features);
        let n_words = self.softmax.bands[0].len();
        let head = log_softmax(features.clone().matmul(self.head.clone().transpose()), 1);
        let mut parts = vec![head.clone().narrow(1, 0, n_words)];
        for (i, cluster) in self.clusters.iter().enumerate() {
            let prior = head.clone().narrow(1, n_words + i, 1);
            let logits = cluster
                .features(features.clone())
                .matmul(cluster.words.clone().transpose());
            parts.push(log_softmax(logits, 1) + prior);
        }
        Tensor::cat(parts, 1)
    }

    /// The head with every row, and each cluster with the rows whose target is in it; a cluster without one is left out.
    pub(crate) fn parts(&self, features: Tensor<2>, targets: &[i32]) -> Vec<OutputPart> {
        let features = self.softmax.dropout.forward(features);
        let n_words = self.softmax.bands[0].len() as i32;
        let cluster_of = |target: i32| {
            let holds = |cluster: &Cluster<'_>| cluster.ids.contains(&(target as usize));
            self.clusters.iter().position(holds)
        };
        let clusters: Vec<Option<usize>> = targets.iter().map(|&target| cluster_of(target)).collect();
        let head_targets = targets.iter().zip(&clusters);
        let mut parts = vec![OutputPart {
            features: features.clone(),
            weight: self.head.clone(),
            targets: head_targets
                .map(|(&target, cluster)| cluster.map_or(target, |cluster| n_words + cluster as i32))
                .collect(),
            rows: (0..targets.len() as i32).collect(),
        }];
        for (i, cluster) in self.clusters.iter().enumerate() {
            let rows: Vec<i32> = (0i32..)
                .zip(&clusters)
                .filter_map(|(row, &cluster)| (cluster == Some(i)).then_some(row))
                .collect();
            if rows.is_empty() {
                continue;
            }
            let selected = TensorData::new(rows.clone(), [rows.len()]);
            let selected = Tensor::<1, Int>::from_data(selected, &features.device());
            parts.push(OutputPart {
                features: cluster.features(features.clone().select(0, selected)),
                weight: cluster.words.clone(),
                targets: rows
                    .iter()
                    .map(|&row| targets[row as usize] - cluster.ids.start as i32)
                    .collect(),
                rows,
            });
        }
        parts
    }
}

impl Cluster<'_> {
    fn features(&self, features: Tensor<2>) -> Tensor<2> {
        let projection = || self.projection.clone();
        let features =
            kernels::rounded_product(&features, projection()).unwrap_or_else(|| features.matmul(projection()));
        self.dropout.forward(features)
    }
}

impl OutputPart {
    /// Log-probabilities of the targets, `[n_targets]`.
    pub fn log_probabilities(&self) -> Tensor<1> {
        let n_targets = self.targets.len();
        let targets = TensorData::new(self.targets.clone(), [n_targets, 1]);
        let targets = Tensor::<2, Int>::from_data(targets, &self.features.device());
        log_softmax(self.features.clone().matmul(self.weight.clone().transpose()), 1)
            .gather(1, targets)
            .reshape([n_targets])
    }
}
