//! Parses arguments, starts tracing, calls `cli`, turns the outcome into an exit code.

fn main() {}
