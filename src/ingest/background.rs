//! Work beside the requests. A request has its moment, and a batch that is brought in has not: on a small server the
//! threads that parse, store and index let those go first that keep the rhythm of the hosts.

use std::sync::Once;

/// How far behind: what `nice` does to a command that it starts.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// From now on this thread, and every thread that it starts, goes last when all cores are busy. Where niceness is that of
/// the whole process (macOS), nothing changes.
pub(super) fn go_last() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!("this thread goes on like any other: {error}");
    }
}

/// Does something on a thread that goes last, and waits for it.
pub(super) fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|threads| {
        let ended = threads.spawn(|| {
            go_last();
            work()
        });
        ended.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The threads that parse and classify go last, wherever they are asked from.
pub(super) fn parsing_goes_last() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let pool = rayon::ThreadPoolBuilder::new().start_handler(|_| go_last()).build_global();
        if pool.is_err() {
            tracing::debug!("the threads that parse were started before");
        }
    });
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).expect("it is known")
    }

    #[test]
    fn only_what_is_done_aside_goes_last() {
        let before = niceness();
        let inside = aside(|| (niceness(), std::thread::spawn(niceness).join().expect("no panic")));
        let behind = (before + NICENESS).min(19);
        assert_eq!(inside, (behind, behind), "threads that are started there too");
        assert_eq!(niceness(), before);
    }
}
