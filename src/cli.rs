//! The command line: one file per subcommand, thin. Results go to stdout, everything else to stderr.

mod bars;
mod categories;
mod classify;
mod crawl;
mod demo;
mod digest;
mod evaluate;
mod export;
mod import;
mod links;
mod parse;
mod receipt;
mod rebuild;
mod search;
mod show;
mod sources;
mod status;
mod verify;

use std::io::{BufWriter, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{Config, Overrides};
use crate::definitions::DefinitionError;
use crate::ingest::Workspace;

/// Watch public security tenders across Europe: crawl, search, digest.
#[derive(Debug, Parser)]
#[command(name = "tenderwatch", version, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    /// Configuration file [default: ./config.toml if it is there, else the built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where archive, store and index are [default: paths.data of the configuration, which is data/]
    #[arg(long, global = true, value_name = "DIR", env = "TENDERWATCH_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    output: Output,
    /// The clock of this run, for replays (2026-11-22T09:00:00Z or 2026-11-22)
    #[arg(long, global = true, value_name = "TIME", env = "TENDERWATCH_NOW", value_parser = parse_now)]
    now: Option<Timestamp>,
    /// Say more (repeat for even more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    Jsonl,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

/// Each is described where its arguments are.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Crawl(crawl::Arguments),
    Import(import::Arguments),
    Parse(parse::Arguments),
    Search(Box<search::Arguments>),
    Show(show::Arguments),
    Classify(classify::Arguments),
    Categories(categories::Arguments),
    Evaluate(evaluate::Arguments),
    Sources(sources::Arguments),
    Links(links::Arguments),
    Digest(digest::Arguments),
    Export(Box<export::Arguments>),
    Rebuild(rebuild::Arguments),
    Status(status::Arguments),
    Verify(verify::Arguments),
}

/// How a command ended, when nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Done,
    Incomplete,
}

/// The user asked for something that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Configuration or definitions are invalid; every mistake on a line of its own.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
struct Invalid(Vec<DefinitionError>);

/// What every command gets.
struct Context<'a> {
    cli: &'a Cli,
    out: &'a mut dyn Write,
}

impl Cli {
    /// The level of log lines on stderr.
    pub fn log_level(&self) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "tenderwatch=info,warn",
            (false, 1) => "tenderwatch=debug,info",
            (false, _) => "debug",
        }
    }

    /// Whether log lines may be coloured.
    pub fn colour_on_stderr(&self) -> bool {
        match self.color {
            Colour::Auto => std::io::stderr().is_terminal(),
            Colour::Always => true,
            Colour::Never => false,
        }
    }

    /// The clock of this run: fixed by `--now`, else the time it is.
    fn now(&self) -> Timestamp {
        let now = self.now.unwrap_or_else(Timestamp::now);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    fn config(&self) -> Result<Config, Invalid> {
        let own = self.config.clone().or_else(|| Some(PathBuf::from("config.toml")).filter(|path| path.is_file()));
        let contact = std::env::var("TENDERWATCH_CONTACT").ok().filter(|contact| !contact.is_empty());
        let overrides = Overrides { data: self.data_dir.clone(), contact };
        Config::load(own.as_deref(), &overrides).map_err(|error| Invalid(vec![error]))
    }

    fn workspace(&self) -> Result<Workspace, Invalid> {
        Workspace::load(self.config()?).map_err(Invalid)
    }

    /// The command line after the program's name, for receipts and the writer's lock.
    fn command_line() -> String {
        std::env::args().skip(1).collect::<Vec<_>>().join(" ")
    }
}

impl Context<'_> {
    fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        if self.cli.output == Output::Jsonl {
            serde_json::to_writer(&mut *self.out, value)?;
        } else {
            serde_json::to_writer_pretty(&mut *self.out, value)?;
        }
        Ok(writeln!(self.out)?)
    }

    /// Whether a machine reads the result.
    fn is_json(&self) -> bool {
        matches!(self.cli.output, Output::Json | Output::Jsonl)
    }

    /// Refuses a shape that this command does not print.
    fn only(&self, shapes: &[Output]) -> Result<(), Usage> {
        if shapes.contains(&self.cli.output) {
            return Ok(());
        }
        let name =
            |output: &Output| output.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let list: Vec<String> = shapes.iter().map(name).collect();
        Err(Usage(format!("--output {}: this command prints {}", name(&self.cli.output), list.join(" or "))))
    }
}

/// Runs a command and says how it ended: 0 done, 1 failed, 2 wrong usage, 3 invalid configuration or definitions, 4 incomplete.
pub fn run(cli: &Cli) -> ExitCode {
    let stdout = std::io::stdout();
    let mut out = BufWriter::new(stdout.lock());
    let mut context = Context { cli, out: &mut out };
    // A bug is a failure too: it ends with a message and exit code 1, not with a trace and 101.
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(cli, &mut context)));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(anyhow::anyhow!("an internal failure, please report it: {}", text.unwrap_or("no message")))
    });
    match outcome.and_then(|ended| Ok(out.flush().map(|()| ended)?)) {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Incomplete) => ExitCode::from(4),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.is::<Usage>() {
                2
            } else if error.is::<Invalid>() {
                3
            } else {
                1
            };
            report(&error);
            ExitCode::from(code)
        }
    }
}

fn dispatch(cli: &Cli, context: &mut Context<'_>) -> anyhow::Result<Ended> {
    match &cli.command {
        Command::Demo(arguments) => demo::run(arguments, context),
        Command::Crawl(arguments) => crawl::run(arguments, context),
        Command::Import(arguments) => import::run(arguments, context),
        Command::Parse(arguments) => parse::run(arguments, context),
        Command::Search(arguments) => search::run(arguments, context),
        Command::Show(arguments) => show::run(arguments, context),
        Command::Links(arguments) => links::run(arguments, context),
        Command::Classify(arguments) => classify::run(arguments, context),
        Command::Categories(arguments) => categories::run(arguments, context),
        Command::Evaluate(arguments) => evaluate::run(arguments, context),
        Command::Sources(arguments) => sources::run(arguments, context),
        Command::Digest(arguments) => digest::run(arguments, context),
        Command::Export(arguments) => export::run(arguments, context),
        Command::Rebuild(arguments) => rebuild::run(arguments, context),
        Command::Status(arguments) => status::run(arguments, context),
        Command::Verify(arguments) => verify::run(arguments, context),
    }
}

/// One clear message: the error and its causes, each once.
#[expect(clippy::print_stderr, reason = "the one place where a command's failure is told")]
fn report(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    eprintln!("error: {text}");
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

fn parse_now(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let day: Option<jiff::civil::Date> = text.parse().ok();
    day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| "expected a time such as 2026-11-22T09:00:00Z or a date".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_clock_is_a_time_or_a_day() {
        assert_eq!(parse_now("2026-11-22").expect("a day").to_string(), "2026-11-22T00:00:00Z");
        assert!(parse_now("yesterday").is_err());
    }
}
