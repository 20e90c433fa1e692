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
                    .start_handler(|_| flush_denormals())
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

/// Lets this thread treat numbers below 1.2e-38 as zero.
///
/// Optimiser moments of weights without gradient decay through that range, and the processor
/// handles such numbers a hundred times more slowly: cells with dead units took four times as long.
fn flush_denormals() {
    #[cfg(target_arch = "x86_64")]
    {
        /// Flush-to-zero (bit 15) and denormals-are-zero (bit 6).
        const FLUSH: u32 = 1 << 15 | 1 << 6;
        let mut control: u32 = 0;
        // SAFETY: reads and writes the SSE control register of this thread; the two bits change
        // how tiny numbers are rounded and nothing else.
        #[allow(unsafe_code)]
        unsafe {
            std::arch::asm!("stmxcsr [{0}]", in(reg) &raw mut control, options(nostack));
            control |= FLUSH;
            std::arch::asm!("ldmxcsr [{0}]", in(reg) &raw const control, options(nostack));
        }
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

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn lanes_flush_denormals() {
        let lanes = Lanes::open(1).unwrap();
        let tiny = lanes.map(1, |_, _| {
            std::hint::black_box(1e-20_f32) * std::hint::black_box(1e-20_f32)
        });
        assert_eq!(tiny, [0.0]);
        assert!(std::hint::black_box(1e-20_f32) * std::hint::black_box(1e-20_f32) > 0.0);
    }
}
