//! Memory for packed weights: cache lines in a few large slabs, on huge pages where the system has them.
//!
//! A decoding step reads every weight once. With pages of 4 KiB a third of that time went into finding the pages.

use std::ops::Range;

/// One cache line: a row of a panel of 16 columns.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [f32; Line::WIDTH]);

impl Line {
    pub(super) const WIDTH: usize = 16;
    pub(super) const ZERO: Self = Self([0.0; Self::WIDTH]);
}

/// Lines by place. What is stored stays where it is.
#[derive(Debug, Default)]
pub(super) struct Store {
    slabs: Vec<Vec<Line>>,
}

/// Where lines are in a [`Store`].
#[derive(Clone, Debug)]
pub(super) struct Place {
    slab: usize,
    lines: Range<usize>,
}

impl Store {
    /// Lines of a slab, 8 MiB.
    const SLAB: usize = 1 << 17;

    /// Room for `n_lines`, zeros.
    pub(super) fn take(&mut self, n_lines: usize) -> Place {
        let fits = |slab: &Vec<Line>| slab.capacity() - slab.len() >= n_lines;
        if !self.slabs.last().is_some_and(fits) {
            let slab = Vec::with_capacity(n_lines.max(Self::SLAB));
            advise_huge_pages(&slab);
            self.slabs.push(slab);
        }
        let i = self.slabs.len() - 1;
        let slab = &mut self.slabs[i];
        let start = slab.len();
        slab.resize(start + n_lines, Line::ZERO);
        Place {
            slab: i,
            lines: start..start + n_lines,
        }
    }

    pub(super) fn lines(&self, place: &Place) -> &[Line] {
        &self.slabs[place.slab][place.lines.clone()]
    }

    pub(super) fn lines_mut(&mut self, place: &Place) -> &mut [Line] {
        &mut self.slabs[place.slab][place.lines.clone()]
    }
}

/// Asks for huge pages for memory that has not been written yet. If there are none, nothing changes.
fn advise_huge_pages(slab: &Vec<Line>) {
    #[cfg(target_os = "linux")]
    {
        const HUGE: usize = 1 << 21;
        let start = slab.as_ptr() as usize;
        let end = start + slab.capacity() * size_of::<Line>();
        let (start, end) = (start.next_multiple_of(HUGE), end / HUGE * HUGE);
        if start < end {
            // SAFETY: the range lies within an allocation of ours, and the advice changes no content.
            unsafe {
                libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    let _ = slab;
}
