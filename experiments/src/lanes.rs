//! Independent pieces of work side by side, one thread each.
//!
//! One thread trains a small model nearly as fast as two do, so cells of a study run next to each
//! other. Every lane owns a thread pool of one thread, and whatever the tensor library spawns
//! stays inside it: a piece of work gives the same bytes whatever the number of lanes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A set of lanes.
pub struct Lanes {
    pools: Vec<rayon::ThreadPool>,
}

impl Lanes {
    /// Opens `count` lanes (at least one).
    ///
    /// # Errors
    /// If the system refuses to start a thread.
    pub fn open(count: usize) -> anyhow::Result<Self> {
        let pools = (0..count.max(1))
            .map(|lane| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .thread_name(move |_| format!("lane-{lane}"))
                    .build()
            })
            .collect::<Result<_, _>>()
            .map_err(|error| anyhow::anyhow!("cannot start a worker thread: {error}"))?;
        Ok(Self { pools })
    }

    /// Number of lanes.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pools.len()
    }

    /// Applies `work` to the numbers `0..items`, in any order; results come in order.
    ///
    /// `work` also gets the number of its lane.
    pub fn map<T: Send>(&self, items: usize, work: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<T>>> = Mutex::new((0..items).map(|_| None).collect());
        std::thread::scope(|scope| {
            for (lane, pool) in self.pools.iter().enumerate().take(items) {
                let (next, results, work) = (&next, &results, &work);
                scope.spawn(move || {
                    pool.install(|| {
                        loop {
                            let item = next.fetch_add(1, Ordering::Relaxed);
                            if item >= items {
                                break;
                            }
                            let result = work(lane, item);
                            if let Ok(mut results) = results.lock() {
                                results[item] = Some(result);
                            }
                        }
                    });
                });
            }
        });
        results
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_number_of_lanes() {
        for lanes in [1, 2, 5] {
            let lanes = Lanes::open(lanes).unwrap();
            let squares = lanes.map(20, |_, i| i * i);
            assert_eq!(squares, (0..20).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_lane_never_uses_more_than_one_thread() {
        let lanes = Lanes::open(2).unwrap();
        let threads = lanes.map(4, |_, _| rayon::current_num_threads());
        assert_eq!(threads, [1; 4]);
    }
}
