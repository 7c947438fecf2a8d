//! The cells once more, position by position and channel by channel in double precision, from the publication and not
//! from the modules: what the tests hold them to.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// A sentence, `[length][channels]`.
pub type Sequence = Vec<Vec<f64>>;

/// Parameters by their paths in a module, flattened.
pub struct Weights(BTreeMap<String, Vec<f64>>);

impl Weights {
    pub fn of<M: Module>(module: &M) -> Self {
        #[derive(Default)]
        struct Collect {
            path: Vec<String>,
            found: BTreeMap<String, Vec<f64>>,
        }
        impl ModuleVisitor for Collect {
            fn enter_module(&mut self, name: &str, _container_type: &str) {
                self.path.push(name.to_owned());
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.path.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let values = param.val().into_data().iter::<f64>().collect();
                self.found.insert(self.path.join("."), values);
            }
        }
        let mut collect = Collect::default();
        module.visit(&mut collect);
        Self(collect.found)
    }

    fn get(&self, name: &str) -> &[f64] {
        self.0.get(name).unwrap_or_else(|| panic!("no weight {name}"))
    }

    fn bias(&self, name: &str, size: usize) -> Vec<f64> {
        self.0.get(name).cloned().unwrap_or_else(|| vec![0.0; size])
    }

    /// The encoder's cell.
    pub fn encoder_cell(&self, x: &Sequence, n_heads: usize) -> Sequence {
        let d = x[0].len();
        let h = self.norm("gated_linear_unit.layer_norm", x);
        let values = self.linear("gated_linear_unit.values", &h);
        let gates = map(&self.linear("gated_linear_unit.gates", &h), sigmoid);
        let x = add(x, &zip(&values, &gates, |v, g| v * g));

        let h = self.norm("conv_branches.layer_norm", &x);
        let left = map(&self.linear("conv_branches.dense", &h), relu);
        let right = map(
            &self.standard("conv_branches.standard_conv_3x1.filter", &h, d / 2),
            relu,
        );
        let h = self.norm("conv_branches.inner_layer_norm", &add(&left, &right));
        let x = add(&x, &self.separable("conv_branches.separable_conv_9x1", &h, 9, 4));

        let h = self.norm("self_attn_layer_norm", &x);
        let x = add(&x, &self.attention("self_attn", &h, &h, n_heads, false));

        let h = self.norm("dense_layers.layer_norm", &x);
        let h = map(&self.linear("dense_layers.expansion", &h), relu);
        add(&x, &self.linear("dense_layers.contraction", &h))
    }

    /// The decoder's cell.
    pub fn decoder_cell(&self, x: &Sequence, encoded: &Sequence, n_heads: usize) -> Sequence {
        let h = self.norm("first_layer_norm", x);
        let left = self.attention("many_head_self_attn", &h, &h, n_heads.max(16), true);
        let right = self.attention("first_encoder_attn", &h, encoded, n_heads, false);
        let x = add(&add(x, &left), &right);

        let h = self.norm("conv_branches.layer_norm", &x);
        let left = map(&self.separable("conv_branches.separable_conv_11x1", &h, 11, 10), relu);
        let right = self.separable("conv_branches.separable_conv_7x1_1", &h, 7, 6);
        let h = self.norm("conv_branches.inner_layer_norm", &add(&left, &right));
        let x = add(&x, &self.separable("conv_branches.separable_conv_7x1_2", &h, 7, 6));

        let h = self.norm("self_attn_layer_norm", &x);
        let x = add(&x, &self.attention("self_attn", &h, &h, n_heads, true));

        let h = self.norm("second_encoder_attn_layer_norm", &x);
        let x = add(&x, &self.attention("second_encoder_attn", &h, encoded, n_heads, false));

        let h = self.norm("dense_layers.layer_norm", &x);
        let h = map(&self.linear("dense_layers.expansion", &h), |x| x * sigmoid(x));
        let h = self.norm("dense_layers.inner_layer_norm", &h);
        add(&x, &self.linear("dense_layers.contraction", &h))
    }

    fn norm(&self, name: &str, x: &Sequence) -> Sequence {
        let (gamma, beta) = (self.get(&format!("{name}.gamma")), self.get(&format!("{name}.beta")));
        let normalise = |row: &Vec<f64>| {
            let n = row.len() as f64;
            let mean = row.iter().sum::<f64>() / n;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let channels = row.iter().zip(gamma).zip(beta);
            channels
                .map(|((x, g), b)| (x - mean) / (variance + 1e-5).sqrt() * g + b)
                .collect()
        };
        x.iter().map(normalise).collect()
    }

    fn linear(&self, name: &str, x: &Sequence) -> Sequence {
        let weight = self.get(&format!("{name}.weight"));
        let n_outputs = weight.len() / x[0].len();
        let bias = self.bias(&format!("{name}.bias"), n_outputs);
        let output = |row: &Vec<f64>, o: usize| {
            let products = row.iter().enumerate().map(|(i, x)| x * weight[i * n_outputs + o]);
            bias[o] + products.sum::<f64>()
        };
        x.iter()
            .map(|row| (0..n_outputs).map(|o| output(row, o)).collect())
            .collect()
    }

    fn standard(&self, name: &str, x: &Sequence, n_outputs: usize) -> Sequence {
        let (weight, bias) = (self.get(&format!("{name}.weight")), self.get(&format!("{name}.bias")));
        let n_inputs = x[0].len();
        let mut output = vec![bias.to_vec(); x.len()];
        for (t, output) in output.iter_mut().enumerate() {
            for (k, s) in [(0, t.checked_sub(1)), (1, Some(t)), (2, Some(t + 1))] {
                let Some(row) = s.and_then(|s| x.get(s)) else { continue };
                for i in 0..n_inputs {
                    for o in 0..n_outputs {
                        output[o] += row[i] * weight[(k * n_inputs + i) * n_outputs + o];
                    }
                }
            }
        }
        output
    }

    fn separable(&self, name: &str, x: &Sequence, kernel_size: usize, left: usize) -> Sequence {
        let taps = self.get(&format!("{name}.depthwise"));
        let n_channels = x[0].len();
        assert_eq!(taps.len(), kernel_size * n_channels, "{name}");
        let mut sums = vec![vec![0.0; n_channels]; x.len()];
        for (t, sums) in sums.iter_mut().enumerate() {
            for k in 0..kernel_size {
                let Some(row) = (t + k).checked_sub(left).and_then(|s| x.get(s)) else {
                    continue;
                };
                for c in 0..n_channels {
                    sums[c] += taps[k * n_channels + c] * row[c];
                }
            }
        }
        self.linear(&format!("{name}.pointwise"), &sums)
    }

    fn attention(&self, name: &str, x: &Sequence, over: &Sequence, n_heads: usize, is_causal: bool) -> Sequence {
        let project = |part: &str, x| self.linear(&format!("{name}.{part}"), x);
        let (queries, keys, values) = (project("q_proj", x), project("k_proj", over), project("v_proj", over));
        let size = x[0].len() / n_heads;
        let mut context = vec![vec![0.0; x[0].len()]; x.len()];
        for (t, query) in queries.iter().enumerate() {
            let n_visible = if is_causal { t + 1 } else { over.len() };
            for head in 0..n_heads {
                let channels = head * size..(head + 1) * size;
                let score = |key: &Vec<f64>| {
                    let products = channels.clone().map(|c| query[c] * key[c]);
                    (products.sum::<f64>() / (size as f64).sqrt()).exp()
                };
                let scores: Vec<f64> = keys[..n_visible].iter().map(score).collect();
                let total: f64 = scores.iter().sum();
                for (score, value) in scores.iter().zip(&values) {
                    for c in channels.clone() {
                        context[t][c] += score / total * value[c];
                    }
                }
            }
        }
        project("out_proj", &context)
    }
}

fn relu(x: f64) -> f64 {
    x.max(0.0)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn map(x: &Sequence, f: impl Fn(f64) -> f64) -> Sequence {
    x.iter().map(|row| row.iter().map(|x| f(*x)).collect()).collect()
}

fn zip(x: &Sequence, y: &Sequence, f: impl Fn(f64, f64) -> f64) -> Sequence {
    let rows = x.iter().zip(y);
    rows.map(|(x, y)| x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect())
        .collect()
}

/// The sum; channels that `y` lacks count as zero.
fn add(x: &Sequence, y: &Sequence) -> Sequence {
    let rows = x.iter().zip(y);
    rows.map(|(x, y)| (0..x.len()).map(|c| x[c] + y.get(c).unwrap_or(&0.0)).collect())
        .collect()
}
