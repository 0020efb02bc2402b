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
