//! Threads that share the pieces of one small computation and wait for each other by spinning.
//!
//! A decoding step has dozens of computations of some ten microseconds each; to wake a thread for each would take as long
//! as it does. So threads that have nothing to do look for work for a while before they sleep. And pieces are not dealt
//! out but taken: whoever is kept from its core by other programs takes none, and nobody waits for it.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is computed: `job(thread, piece)`.
type Job = *const (dyn Fn(usize, usize) + Sync);

/// A thread that leads and others that help it.
pub struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Which job, how many pieces it has, and which is next: 32, 16 and 16 bits.
    state: AtomicU64,
    job: UnsafeCell<Option<Job>>,
    /// Pieces that are computed.
    n_done: AtomicUsize,
    ends: AtomicBool,
    asleep: Vec<AtomicBool>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written while no piece is left or being computed, and read by those that have taken one.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is followed only while its owner waits in `Team::each`.
unsafe impl Send for Shared {}

/// As many pieces as a job may have.
const MOST: usize = 1 << 15;

impl Team {
    /// `n_threads` threads, this one among them; fewer if the system gives no more.
    pub fn new(n_threads: usize) -> Self {
        let n_helpers = n_threads.max(1) - 1;
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            n_done: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
            asleep: (0..n_helpers).map(|_| AtomicBool::new(false)).collect(),
            panic: Mutex::new(None),
        });
        let start = |i| {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("step-{i}"));
            thread.spawn(move || shared.help(i)).ok()
        };
        let helpers = (0..n_helpers).map_while(start).collect();
        Self { shared, helpers }
    }

    /// How many threads there are.
    pub fn n_threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Computes `job(thread, piece)` for each of `n_pieces` pieces, on any of the threads, and returns when all are done.
    ///
    /// # Panics
    ///
    /// When a piece does, or there are more than 2^15.
    pub fn each(&mut self, n_pieces: usize, job: impl Fn(usize, usize) + Sync) {
        if self.helpers.is_empty() || n_pieces <= 1 {
            return (0..n_pieces).for_each(|piece| job(0, piece));
        }
        assert!(n_pieces <= MOST, "{n_pieces} pieces");
        let shared = &*self.shared;
        let job: &(dyn Fn(usize, usize) + Sync) = &job;
        // SAFETY: only the lifetime changes. Nobody follows the pointer after the wait below, which comes before this
        // returns or unwinds; and no piece of the last job is left, so nobody reads the cell.
        unsafe {
            let job: &'static (dyn Fn(usize, usize) + Sync) = std::mem::transmute(job);
            *shared.job.get() = Some(job);
        }
        shared.n_done.store(0, Ordering::SeqCst);
        let number = (shared.state.load(Ordering::SeqCst) >> 32).wrapping_add(1) & 0xffff_ffff;
        shared
            .state
            .store(number << 32 | (n_pieces as u64) << 16, Ordering::SeqCst);
        self.wake();
        shared.work(number, 0);
        let mut n_looks = 0;
        while shared.n_done.load(Ordering::SeqCst) < n_pieces {
            look_again(&mut n_looks);
        }
        let panic = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// As [`each`](Self::each), a piece an item, which it has for itself.
    ///
    /// # Panics
    ///
    /// When a piece does.
    pub fn each_item<T: Send>(&mut self, items: &mut [T], job: impl Fn(usize, &mut T) + Sync) {
        let shared = Items(items.as_mut_ptr());
        self.each(items.len(), |_, piece| {
            // SAFETY: in bounds; every piece is taken once, and `items` is borrowed meanwhile.
            job(piece, unsafe { &mut *shared.get(piece) });
        });
    }

    /// As [`each`](Self::each), thread `i` with `items[i]` for itself.
    ///
    /// # Panics
    ///
    /// When there are fewer items than threads, or a piece panics.
    pub fn each_with<T: Send>(&mut self, items: &mut [T], n_pieces: usize, job: impl Fn(&mut T, usize) + Sync) {
        assert!(items.len() >= self.n_threads(), "an item for every thread");
        let shared = Items(items.as_mut_ptr());
        self.each(n_pieces, |thread, piece| {
            // SAFETY: in bounds, and of this thread alone while `items` is borrowed.
            job(unsafe { &mut *shared.get(thread) }, piece);
        });
    }

    fn wake(&self) {
        for (asleep, helper) in self.shared.asleep.iter().zip(&self.helpers) {
            if asleep.swap(false, Ordering::SeqCst) {
                helper.thread().unpark();
            }
        }
    }
}

struct Items<T>(*mut T);

// SAFETY: every thread takes another item, and items may be sent.
unsafe impl<T: Send> Sync for Items<T> {}

impl<T> Items<T> {
    fn get(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

/// Waits a moment; a longer one after many looks, so that whoever shares the core gets on.
fn look_again(n_looks: &mut u32) {
    *n_looks = n_looks.wrapping_add(1);
    if *n_looks < 4_000 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

impl Shared {
    /// Takes pieces of job `number` until there are none.
    fn work(&self, number: u64, thread: usize) {
        loop {
            let mut state = self.state.load(Ordering::SeqCst);
            loop {
                let (n_pieces, next) = (state >> 16 & 0xffff, state & 0xffff);
                if state >> 32 != number || next >= n_pieces {
                    return;
                }
                match self
                    .state
                    .compare_exchange_weak(state, state + 1, Ordering::SeqCst, Ordering::SeqCst)
                {
                    Ok(_) => break,
                    Err(found) => state = found,
                }
            }
            let piece = (state & 0xffff) as usize;
            // SAFETY: this piece is not done, so the owner waits, and the cell is what it wrote before.
            if let Some(job) = unsafe { *self.job.get() } {
                // SAFETY: as above.
                let job = unsafe { &*job };
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(thread, piece))) {
                    *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                }
            }
            self.n_done.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn help(&self, i: usize) {
        const AWAKE: Duration = Duration::from_micros(500);
        let mut last = 0;
        while !self.ends.load(Ordering::SeqCst) {
            let mut n_looks = 0;
            let mut since = None;
            let number = loop {
                let number = self.state.load(Ordering::SeqCst) >> 32;
                if number != last || self.ends.load(Ordering::SeqCst) {
                    break number;
                }
                look_again(&mut n_looks);
                if n_looks % 4_096 == 0 && since.get_or_insert_with(Instant::now).elapsed() > AWAKE {
                    self.asleep[i].store(true, Ordering::SeqCst);
                    // A job that came meanwhile has seen this or is seen here.
                    if self.state.load(Ordering::SeqCst) >> 32 == last && !self.ends.load(Ordering::SeqCst) {
                        std::thread::park();
                    }
                    self.asleep[i].store(false, Ordering::SeqCst);
                }
            };
            last = number;
            self.work(number, i + 1);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // A helper catches the panics of its pieces.
            let _ = helper.join();
        }
    }
}

/// Piece `i` of `n` of a range.
pub(super) fn share(length: usize, i: usize, n: usize) -> std::ops::Range<usize> {
    length * i / n..length * (i + 1) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_of_every_job_is_done_once() {
        for n_threads in [1, 2, 3] {
            let mut team = Team::new(n_threads);
            let mut sums = vec![0u64; team.n_threads()];
            let mut counts = [0; 17];
            for round in 0..300u64 {
                if round == 150 {
                    // Long enough for helpers to fall asleep.
                    std::thread::sleep(Duration::from_millis(5));
                }
                let work = |sum: &mut u64, piece| *sum += share(100, piece, 7).map(|x| x as u64 + round).sum::<u64>();
                team.each_with(&mut sums, 7, work);
                team.each_item(&mut counts, |piece, count| *count += piece);
            }
            let expected: u64 = (0..300).map(|round| (0..100).map(|x| x + round).sum::<u64>()).sum();
            assert_eq!(sums.iter().sum::<u64>(), expected, "{n_threads} threads");
            assert!(counts.iter().enumerate().all(|(i, count)| *count == 300 * i));
        }
    }

    #[test]
    fn a_panic_of_any_piece_is_passed_on_and_the_team_lives() {
        let mut team = Team::new(2);
        for bad in 0..6 {
            let work = || team.each(6, |_, piece| assert_ne!(piece, bad, "on purpose"));
            assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        }
        let mut found = [0; 3];
        team.each_item(&mut found, |piece, x| *x = piece + 1);
        assert_eq!(found, [1, 2, 3]);
    }
}
