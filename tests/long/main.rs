//! Proofs that take minutes, one at a time: `cargo test --test long -- kills [KILLS] [SEED]`, `-- memory [MB]`,
//! `-- large [MB] [ROWS]`, `-- bulk [MB]`, `-- spoil [TIMES] [SEED]`, `-- kills_of_faulty [KILLS] [SEED]`,
//! `-- polite [HOSTS] [SECONDS]`.
#![expect(clippy::print_stdout, reason = "a proof prints its figures")]

mod bulk;
#[path = "../faulty/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod faulty;
mod kill;
mod kill_faulty;
mod large;
mod memory;
mod polite;
mod spoil;

use std::time::Duration;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let mut number = |default: u64| {
        arguments.next().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{text} is no number")))
    };
    match what.as_str() {
        "kills" => {
            let kills = usize::try_from(number(50)).expect("a number of kills");
            let wanted = kill::Wanted { random: kills, aimed: kills / 2, seed: number(2026), notices: 1500 };
            let figures = kill::prove(&wanted, |line| println!("{line}"));
            println!("{}", figures.line());
            figures.assert_clean();
        }
        "kills_of_faulty" => {
            let kills = usize::try_from(number(500)).expect("a number of kills");
            let figures = kill_faulty::prove(kills, number(2026), |line| println!("{line}"));
            println!("{}", figures.line());
            figures.assert_clean();
        }
        "bulk" => bulk::prove(number(3000)),
        "memory" => memory::prove(number(200)),
        "large" => large::prove(number(2000), number(500_000)),
        "spoil" => spoil::prove(number(100), number(2026)),
        "polite" => {
            let hosts = usize::try_from(number(50)).expect("a number of hosts");
            let hosts = polite::prove(hosts, Duration::from_secs(number(20)));
            hosts.iter().for_each(|host| println!("{}", host.line()));
            let bad = |host: &&polite::Host| !host.violations().is_empty() || host.share() < 0.95;
            let bad: Vec<String> = hosts.iter().filter(bad).map(polite::Host::line).collect();
            assert!(bad.is_empty(), "violations, or less than 95 % of the limit:\n{}", bad.join("\n"));
        }
        _ => println!(
            "nothing proved: say `kills [KILLS] [SEED]`, `kills_of_faulty [KILLS] [SEED]`, `bulk [MB]`, `memory [MB]`, \
             `large [MB] [ROWS]`, `spoil [TIMES] [SEED]` or `polite [HOSTS] [SECONDS]`"
        ),
    }
}
