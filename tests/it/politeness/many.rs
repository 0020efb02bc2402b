//! Many hosts side by side, by the publisher's clock: a sample. `cargo test --release --test long -- polite` asks more
//! hosts for longer and asserts the rates too, which need a machine that is not busy.

#[path = "../../long/polite.rs"]
mod polite;

use std::time::Duration;

#[test]
fn no_host_of_many_is_asked_faster_than_agreed() {
    for host in polite::prove(12, Duration::from_secs(4)) {
        let line = host.line();
        eprintln!("{line}");
        assert!(host.violations().is_empty(), "{line}: {:?}", host.violations());
        // without jitter it would be a share of 1.12 and more
        assert!(host.jitter < 0.2 || host.requests() < 30 || host.share() < 1.1, "{line}");
    }
}
