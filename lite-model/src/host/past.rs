//! What the positions before have left behind: keys and values, inputs of convolutions.
//!
//! Each is written once and stays where it is. When the hypotheses of a beam change places, only a table of who descends
//! from whom is rewritten, so that nothing is copied and hypotheses share what they have in common.

use super::store::{Line, Place, Store};

/// A block of numbers for every step so far, in it a row for every hypothesis of that step.
#[derive(Debug, Default)]
pub(super) struct Past {
    store: Store,
    /// Where each part of a row begins, were all rows one; at the end their sum.
    offsets: Vec<usize>,
    steps: Vec<Step>,
    /// For each present row, which row of each step it descends from: `[rows, steps]`.
    ancestors: Vec<u32>,
}

#[derive(Debug)]
struct Step {
    values: Place,
    n_rows: usize,
}

impl Past {
    /// Forgets all steps, in whose memory now come rows of parts of the given widths.
    pub(super) fn restart(&mut self, widths: &[usize]) {
        self.store.clear();
        self.steps.clear();
        self.ancestors.clear();
        self.offsets.clear();
        self.offsets.push(0);
        self.offsets.extend(widths.iter().scan(0, |sum, width| {
            *sum += width;
            Some(*sum)
        }));
    }

    pub(super) fn n_steps(&self) -> usize {
        self.steps.len()
    }

    /// Opens the next step, whose row `i` continues row `rows[i]` of the last one.
    pub(super) fn advance(&mut self, rows: &[usize]) {
        let n_steps = self.steps.len();
        let mut ancestors = Vec::with_capacity(rows.len() * (n_steps + 1));
        for (i, &row) in rows.iter().enumerate() {
            ancestors.extend_from_slice(&self.ancestors[row * n_steps..(row + 1) * n_steps]);
            ancestors.push(i as u32);
        }
        self.ancestors = ancestors;
        let width = self.offsets.last().copied().unwrap_or(0);
        self.steps.push(Step {
            values: self.store.take((rows.len() * width).div_ceil(Line::WIDTH)),
            n_rows: rows.len(),
        });
    }

    /// A part of all rows of the step that is open, side by side.
    pub(super) fn present(&self, part: usize) -> &[f32] {
        let step = &self.steps[self.steps.len() - 1];
        &self.store.numbers(&step.values)[step.n_rows * self.offsets[part]..step.n_rows * self.offsets[part + 1]]
    }

    /// As [`present`](Self::present), to be written.
    pub(super) fn present_mut(&mut self, part: usize) -> &mut [f32] {
        let step = &self.steps[self.steps.len() - 1];
        &mut self.store.numbers_mut(&step.values)
            [step.n_rows * self.offsets[part]..step.n_rows * self.offsets[part + 1]]
    }

    /// A part of the ancestor of `row` at step `step`.
    #[inline(always)]
    pub(super) fn ancestor(&self, row: usize, part: usize, step: usize) -> &[f32] {
        let width = self.offsets[part + 1] - self.offsets[part];
        let ancestor = self.ancestors[row * self.steps.len() + step] as usize;
        let step = &self.steps[step];
        &self.store.numbers(&step.values)[step.n_rows * self.offsets[part] + ancestor * width..][..width]
    }

    /// A part of the ancestors of `row`, and of itself, from step `first` on.
    #[inline(always)]
    pub(super) fn line<'a>(&'a self, row: usize, part: usize, first: usize, line: &mut Vec<&'a [f32]>) {
        line.clear();
        line.extend((first..self.steps.len()).map(|step| self.ancestor(row, part, step)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_sees_its_own_ancestors() {
        let mut past = Past::default();
        past.restart(&[3]);
        past.advance(&[0; 5]);
        past.restart(&[2, 1]);
        let mut names: Vec<Vec<f32>> = vec![vec![]; 3];
        for (step, rows) in [&[0, 1, 2][..], &[2, 2, 0, 1], &[1, 0], &[1, 1, 0]]
            .into_iter()
            .enumerate()
        {
            past.advance(rows);
            names = rows.iter().map(|&row| names[row].clone()).collect();
            for (i, name) in names.iter_mut().enumerate() {
                let value = (10 * step + i) as f32;
                name.push(value);
                past.present_mut(0)[2 * i..2 * i + 2].fill(value);
                past.present_mut(1)[i] = -value;
            }
            let mut line = Vec::new();
            for (i, name) in names.iter().enumerate() {
                past.line(i, 0, 0, &mut line);
                assert_eq!(line.iter().map(|x| x[1]).collect::<Vec<_>>(), *name);
                past.line(i, 1, 1.min(step), &mut line);
                let expected: Vec<f32> = name.iter().skip(1.min(step)).map(|x| -x).collect();
                assert_eq!(line.concat(), expected);
            }
            assert_eq!(past.present(1).len(), rows.len());
        }
        assert_eq!(past.n_steps(), 4);
    }
}
