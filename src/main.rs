//! Parses arguments, starts tracing, calls `cli`, turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use tenderwatch::cli::{self, Cli};
use tracing_subscriber::EnvFilter;

/// Gives back what is free: the system's own holds on to a third more after hours of large and small pieces.
/// How it is set is in .cargo/config.toml.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Cli::parse();
    let filter = EnvFilter::try_from_env("TENDERWATCH_LOG").unwrap_or_else(|_| EnvFilter::new(arguments.log_level()));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(arguments.colour_on_stderr())
        .init();
    // What panics is caught and told where it belongs; the trace is for `-vv`.
    std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
    cli::run(&arguments)
}
