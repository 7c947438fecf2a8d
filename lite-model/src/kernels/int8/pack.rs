//! The order of weights in memory.
//!
//! Channels stand in panels of [`PANEL`], the last filled up with zeros. Within a panel, inputs stand in groups of
//! [`GROUP`], the last filled up with zeros; a group holds its weights of the first channel, then those of the
//! second, and so on. So a product reads a panel from beginning to end, once for every few rows.

/// Channels of a panel.
pub(super) const PANEL: usize = 16;

/// Inputs that are multiplied side by side: the bytes of a sum of 32 bits.
pub(super) const GROUP: usize = 4;

/// Sizes of a packed matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub d_output: usize,
    pub d_input: usize,
}

impl Shape {
    /// Inputs with those that fill up the last group.
    pub fn padded_input(self) -> usize {
        self.d_input.next_multiple_of(GROUP)
    }

    pub fn n_panels(self) -> usize {
        self.d_output.div_ceil(PANEL)
    }

    /// Weights of a panel.
    pub fn panel_len(self) -> usize {
        self.padded_input() * PANEL
    }

    /// Where a weight stands.
    pub fn index(self, channel: usize, input: usize) -> usize {
        let in_panel = (input / GROUP * PANEL + channel % PANEL) * GROUP + input % GROUP;
        channel / PANEL * self.panel_len() + in_panel
    }
}
