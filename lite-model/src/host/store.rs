//! Memory for packed weights and for what a search remembers: cache lines in a few large slabs, on huge pages where the
//! system has them.
//!
//! A decoding step reads every weight once. With pages of 4 KiB a third of that time went into finding the pages. And what
//! searches remember is given back all at once: in slabs that are used again no two searches leave holes for each other.

use std::ops::Range;

use memmap2::MmapMut;

/// One cache line: a row of a panel of 16 columns.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [f32; Line::WIDTH]);

impl Line {
    pub(super) const WIDTH: usize = 16;
    pub(super) const ZERO: Self = Self([0.0; Self::WIDTH]);
}

/// The numbers of lines.
#[inline(always)]
pub(super) fn flat(lines: &[Line]) -> &[f32] {
    // SAFETY: a line is its numbers and nothing else.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * Line::WIDTH) }
}

/// The 16-bit integers of lines, for those who keep such in them.
#[inline(always)]
pub(super) fn integers(lines: &[Line]) -> &[i16] {
    // SAFETY: two integers have the room of a number, and any bits are some.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), 2 * lines.len() * Line::WIDTH) }
}

/// As [`integers`], to be written.
pub(super) fn integers_mut(lines: &mut [Line]) -> &mut [i16] {
    // SAFETY: as there; any two are some number.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), 2 * lines.len() * Line::WIDTH) }
}

fn flat_mut(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: as in `flat`.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * Line::WIDTH) }
}

/// Lines by place. What is stored stays where it is.
#[derive(Debug, Default)]
pub(super) struct Store {
    slabs: Vec<Slab>,
    /// The slab that is being filled.
    open: usize,
}

/// Where lines are in a [`Store`].
#[derive(Clone, Debug)]
pub(super) struct Place {
    slab: usize,
    lines: Range<usize>,
}

impl Store {
    /// Lines of the first slab, 256 KiB; each slab is as large as all before. What is never written takes no memory.
    const FIRST: usize = 1 << 12;
    /// The most lines of a slab that holds several things, 64 MiB.
    const LARGEST: usize = 1 << 20;

    /// Room for `n_lines`, zeros.
    ///
    /// # Panics
    ///
    /// There is no more memory.
    pub(super) fn take(&mut self, n_lines: usize) -> Place {
        let fits = |slab: &Slab| slab.capacity() - slab.n_used >= n_lines;
        while self.slabs.get(self.open).is_some_and(|slab| !fits(slab)) {
            self.open += 1;
        }
        if self.open == self.slabs.len() {
            let so_far: usize = self.slabs.iter().map(Slab::capacity).sum();
            self.slabs
                .push(Slab::new(n_lines.max(so_far.clamp(Self::FIRST, Self::LARGEST))));
        }
        let slab = &mut self.slabs[self.open];
        let lines = slab.n_used..slab.n_used + n_lines;
        slab.n_used = lines.end;
        slab.lines_mut()[lines.clone()].fill(Line::ZERO);
        Place { slab: self.open, lines }
    }

    /// Forgets what is stored and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slabs.iter_mut().for_each(|slab| slab.n_used = 0);
        self.open = 0;
    }

    #[inline(always)]
    pub(super) fn lines(&self, place: &Place) -> &[Line] {
        &self.slabs[place.slab].lines()[place.lines.clone()]
    }

    pub(super) fn lines_mut(&mut self, place: &Place) -> &mut [Line] {
        &mut self.slabs[place.slab].lines_mut()[place.lines.clone()]
    }

    /// The numbers of the lines at `place`.
    #[inline(always)]
    pub(super) fn numbers(&self, place: &Place) -> &[f32] {
        flat(self.lines(place))
    }

    /// As [`numbers`](Self::numbers), to be written.
    pub(super) fn numbers_mut(&mut self, place: &Place) -> &mut [f32] {
        flat_mut(self.lines_mut(place))
    }
}

/// Memory from the system itself: an allocator would put its own notes on a huge page beside each slab.
#[derive(Debug)]
struct Slab {
    map: MmapMut,
    n_used: usize,
}

impl Slab {
    fn new(n_lines: usize) -> Self {
        const HUGE: usize = 1 << 21;
        let n_bytes = match n_lines * size_of::<Line>() {
            small if small < HUGE => small,
            large => large.next_multiple_of(HUGE),
        };
        let map = MmapMut::map_anon(n_bytes).unwrap_or_else(|e| panic!("{n_bytes} bytes of memory: {e}"));
        // Without huge pages it works as well.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Self { map, n_used: 0 }
    }

    fn capacity(&self) -> usize {
        self.map.len() / size_of::<Line>()
    }

    #[inline(always)]
    fn lines(&self) -> &[Line] {
        // SAFETY: a mapping begins with a page, and any bytes are numbers.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.capacity()) }
    }

    fn lines_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.capacity()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_stays_and_cleared_memory_is_used_again() {
        let mut store = Store::default();
        let sizes = [1, Store::FIRST - 1, 5, Store::LARGEST + 7, 0, 700];
        let mut n_slabs = 0;
        for round in 0..3 {
            store.clear();
            let places: Vec<Place> = sizes.iter().map(|n| store.take(*n)).collect();
            for (i, place) in places.iter().enumerate() {
                assert!(store.numbers(place).iter().all(|x| *x == 0.0), "zeros");
                store.numbers_mut(place).fill((round * 10 + i) as f32 + 1.0);
            }
            for (i, (place, n)) in places.iter().zip(sizes).enumerate() {
                assert_eq!(store.lines(place), vec![Line([(round * 10 + i) as f32 + 1.0; 16]); n]);
            }
            if round > 0 {
                assert_eq!(store.slabs.len(), n_slabs);
            }
            n_slabs = store.slabs.len();
        }
    }
}
