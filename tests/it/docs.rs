//! Documents that cannot rot: links lead somewhere, and the README's commands work word for word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["README.md", "CHANGELOG.md", "index/FIELDS.md"].map(|name| root().join(name)).into();
    let docs = fs::read_dir(root().join("docs")).expect("docs is there");
    found.extend(
        docs.map(|entry| entry.expect("readable").path()).filter(|path| path.extension().is_some_and(|e| e == "md")),
    );
    found
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split(')').next().unwrap_or_default().split('#').next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://");
            let path = document.parent().unwrap_or(Path::new(".")).join(target);
            if !outside && !path.exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The lines of every `sh` block.
fn commands(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            command if inside && !command.is_empty() => found.push(command.to_owned()),
            _ => {}
        }
    }
    found
}

#[test]
fn the_readme_has_the_two_commands_of_a_newcomer() {
    let text = fs::read_to_string(root().join("README.md")).expect("there");
    let commands = commands(&text);
    for wanted in ["cargo run --release -- demo", "cargo test"] {
        assert!(commands.iter().any(|command| command == wanted), "{wanted}");
    }
}

#[test]
fn the_readmes_commands_work_in_order() {
    let text = fs::read_to_string(root().join("README.md")).expect("there");
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = 0;
    for command in commands(&text).iter().filter(|command| command.starts_with("tenderwatch ")) {
        let binary = assert_cmd::cargo::cargo_bin!("tenderwatch");
        let line = command.replacen("tenderwatch", &binary.display().to_string(), 1);
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(folder.path())
            .env("TENDERWATCH_NOW", "2026-11-22T09:00:00Z")
            .env_remove("TENDERWATCH_DATA_DIR")
            .output()
            .expect("sh runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error}");
        assert!(!output.stdout.is_empty(), "{command} printed nothing");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("no hit of"), "{command} found nothing");
        run += 1;
    }
    assert!(run >= 8, "the README shows how to use it");
}

/// The lines of every block of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// Runs an example's command line with `--dry-run` added, so that nothing is asked.
fn runs_dry(line: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = assert_cmd::cargo::cargo_bin!("tenderwatch").display().to_string();
    let line =
        line.replace("/usr/local/bin/tenderwatch", "tenderwatch").replacen("tenderwatch -", &format!("{binary} -"), 1);
    let output = Command::new("sh")
        .args(["-c", &format!("{line} --dry-run")])
        .current_dir(folder.path())
        .env_remove("TENDERWATCH_DATA_DIR")
        .output()
        .expect("sh runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("eu-ted: would ask"), "{line}");
}

#[test]
fn the_examples_for_cron_systemd_and_containers_work() {
    let text = fs::read_to_string(root().join("docs/operate.md")).expect("there");
    let cron = blocks(&text, "cron").concat();
    let line = cron.lines().find(|line| !line.starts_with('#')).expect("a line for cron");
    let fields: Vec<&str> = line.split_whitespace().take(5).collect();
    assert!(tenderwatch::source::Schedule::parse(&fields.join(" "), &jiff::tz::TimeZone::UTC).is_ok(), "{line}");
    let (_, command) = line.split_once("&& ").expect("a command after the folder");
    runs_dry(command);

    let units = blocks(&text, "ini");
    let [service, timer] = &units[..] else { panic!("a service and a timer") };
    let value = |unit: &str, key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")))
            .unwrap_or_else(|| panic!("{key}"))
            .to_owned()
    };
    runs_dry(&value(service, "ExecStart"));
    let folder = tempfile::tempdir().expect("a folder");
    for (name, unit) in [("tenderwatch.service", service), ("tenderwatch.timer", timer)] {
        // Where systemd is installed, it has the last word on every key; the binary stands elsewhere.
        let unit = unit.replace("/usr/local/bin/tenderwatch", "/bin/true");
        fs::write(folder.path().join(name), unit).expect("written");
    }
    if let Ok(output) =
        Command::new("systemd-analyze").arg("verify").arg(folder.path().join("tenderwatch.timer")).output()
    {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("tenderwatch."), "{said}");
    }

    let container = blocks(&text, "dockerfile").concat();
    let words = |key: &str| {
        let line = container.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{key}"));
        serde_json::from_str::<Vec<String>>(line.trim()).expect("a JSON list").join(" ")
    };
    runs_dry(&format!("{} {}", words("ENTRYPOINT"), words("CMD")));
}
