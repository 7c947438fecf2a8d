//! Independent pieces of work on the cores of this machine, a piece a core.
//!
//! Burn's operations on a CPU share one pool of threads, and only large matrix products use more than one of them. Where
//! there are pieces that need nothing of each other (the sentences of an update, batches to decode), a core for each
//! leaves none idle. Results are taken in the order of the pieces, so they do not depend on how many cores there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};

use burn::tensor::Device;
use lite_model::device::is_host;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that each compute alone.
#[derive(Debug)]
pub struct Workers {
    n_threads: usize,
    /// A pool of one thread each: what runs inside computes on that thread, however large its matrices are. They are
    /// started with the first work for them; without any, the thread that asks computes.
    pools: OnceLock<Vec<ThreadPool>>,
}

impl Workers {
    /// For tensors of `device`: on a CPU as many as the threads that rayon would use (the cores, or `RAYON_NUM_THREADS`);
    /// for an accelerator the one that asks, whose queue of work it is.
    pub fn for_device(device: &Device) -> Self {
        if is_host(device) {
            return Self::with_threads(rayon::current_num_threads());
        }
        Self {
            n_threads: 1,
            pools: OnceLock::from(Vec::new()),
        }
    }

    /// `n_threads`, or fewer if the system gives no more.
    pub fn with_threads(n_threads: usize) -> Self {
        Self {
            n_threads: n_threads.max(1),
            pools: OnceLock::new(),
        }
    }

    /// How many pieces are computed at a time.
    pub fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// `work(i, pieces[i])` for each piece; `take` gets the results in the order of the pieces, on this thread.
    ///
    /// # Panics
    ///
    /// When `work` does.
    pub fn each<T: Send, R: Send>(&self, pieces: Vec<T>, work: impl Fn(usize, T) -> R + Sync, mut take: impl FnMut(R)) {
        // One piece alone has the operations' own threads. But where there is one thread for all, it is the pool's: outside of
        // it, each operation that could use threads would wake one, and wait for it.
        let pools = if self.n_threads == 1 || pieces.len() > 1 {
            self.pools()
        } else {
            &[]
        };
        if let [] | [_] = pools {
            for (i, piece) in pieces.into_iter().enumerate() {
                take(match pools {
                    [pool] => pool.install(|| work(i, piece)),
                    _ => work(i, piece),
                });
            }
            return;
        }
        let n_pieces = pieces.len();
        let next = AtomicUsize::new(0);
        let pieces: Vec<Mutex<Option<T>>> = pieces.into_iter().map(|piece| Mutex::new(Some(piece))).collect();
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for pool in pools.iter().take(n_pieces) {
                let (sender, next, pieces, work) = (sender.clone(), &next, &pieces, &work);
                scope.spawn(move || {
                    pool.install(|| {
                        loop {
                            let i = next.fetch_add(1, Ordering::Relaxed);
                            let Some(piece) = pieces.get(i) else { return };
                            let piece = piece.lock().ok().and_then(|mut piece| piece.take());
                            let Some(piece) = piece else { return };
                            if sender.send((i, work(i, piece))).is_err() {
                                return;
                            }
                        }
                    });
                });
            }
            drop(sender);
            let mut waiting: Vec<Option<R>> = (0..n_pieces).map(|_| None).collect();
            let mut due = 0;
            for (i, result) in receiver {
                waiting[i] = Some(result);
                while let Some(result) = waiting.get_mut(due).and_then(Option::take) {
                    take(result);
                    due += 1;
                }
            }
        });
    }

    fn pools(&self) -> &[ThreadPool] {
        let pool = |_| ThreadPoolBuilder::new().num_threads(1).build().ok();
        self.pools
            .get_or_init(|| (0..self.n_threads).filter_map(pool).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        for n_threads in [1, 2, 5] {
            let workers = Workers::with_threads(n_threads);
            let mut found = Vec::new();
            workers.each(
                (0..40u64).collect(),
                |i, piece| {
                    std::thread::sleep(std::time::Duration::from_micros((40 - piece) * 20));
                    assert_eq!(i as u64, piece);
                    piece * piece
                },
                |square| found.push(square),
            );
            assert_eq!(
                found,
                (0..40).map(|i| i * i).collect::<Vec<u64>>(),
                "{n_threads} threads"
            );
        }
    }

    #[test]
    fn a_worker_computes_on_one_thread() {
        for n_threads in [1, 2] {
            let in_a_pool = |_, ()| (rayon::current_thread_index(), rayon::current_num_threads());
            let workers = Workers::with_threads(n_threads);
            workers.each(vec![(); 4], in_a_pool, |found| assert_eq!(found, (Some(0), 1)));
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_not_lost() {
        Workers::with_threads(2).each(vec![0, 1, 2], |_, piece| assert_ne!(piece, 1, "on purpose"), drop);
    }
}
