//! Runs work that must not disturb calls: on half of the cores, at a low priority.

use rayon::ThreadPoolBuilder;
use rustix::process::setpriority_process;

/// The nice value of the threads: a call's thread gets about nine times their share of a busy core.
const NICE: i32 = 10;

/// Runs `work` on its own threads, which end with it. Parallel work of rayon, as in wasmtime's compiler, stays on them.
/// Blocks until it is done.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = ThreadPoolBuilder::new()
        .num_threads((cores / 2).max(1))
        .thread_name(|_| "reload".to_owned())
        .start_handler(|_| lower_priority())
        .build();
    match threads {
        Ok(threads) => threads.install(work),
        Err(error) => {
            tracing::warn!(reason = %error, "no threads for a reload; it runs at the priority of calls");
            work()
        }
    }
}

/// Sets the nice value of this thread only: Linux keeps one for each thread.
fn lower_priority() {
    if let Err(error) = setpriority_process(None, NICE) {
        tracing::debug!(reason = %error, "the priority of a reload's thread stays");
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn a_reload_runs_on_half_of_the_cores_at_a_low_priority_and_leaves_others_alone() {
        let cores = std::thread::available_parallelism().unwrap().get();
        let before = getpriority_process(None).unwrap();
        let nice = run(|| {
            assert_eq!(rayon::current_num_threads(), (cores / 2).max(1));
            (0..100).into_par_iter().map(|_| getpriority_process(None).unwrap()).min().unwrap()
        });
        assert_eq!(nice, NICE.max(before));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
