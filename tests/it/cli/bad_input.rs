//! Bad input: one clear message that names it, the promised exit code, and nothing stored is harmed.

use super::*;

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, body) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *body).expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// A notice that is not in the shared data, with one of the shared ones' number.
fn other_notice() -> String {
    Plan { seed: 5, ..plan() }.gazette().notice(9).xml()
}

fn bad_documents() -> Vec<(&'static str, Vec<u8>)> {
    let notice = other_notice();
    let mut wrong_encoding = notice.clone().into_bytes();
    let title = notice.find("<cbc:Name").expect("a name") + 30;
    wrong_encoding[title] = 0xff;
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE n [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    let bomb =
        format!("{bomb}{}", notice.split_once("?>").expect("a declaration").1.replacen("<cbc:ID", "&c;<cbc:ID", 1));
    let deep = notice.replacen("<cac:ProcurementProject>", &"<cac:ProcurementProject>".repeat(100_000), 1);
    vec![
        ("truncated.xml", notice.as_bytes()[..notice.len() / 2].to_vec()),
        ("empty.xml", Vec::new()),
        ("blank.xml", b" \n\t ".to_vec()),
        ("prose.xml", b"This is no XML at all.".to_vec()),
        ("binary.xml", (0..=255).cycle().take(5000).collect()),
        ("page.xml", b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><p>Busy<br></body></html>".to_vec()),
        ("wrong-encoding.xml", wrong_encoding),
        ("entity-bomb.xml", bomb.into_bytes()),
        ("deep.xml", deep.into_bytes()),
        ("other-root.xml", b"<menu xmlns=\"urn:canteen\"/>".to_vec()),
    ]
}

#[test]
fn a_document_that_cannot_be_read_is_named_and_harms_nothing() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    for (name, bytes) in bad_documents() {
        fs::write(at.join(name), bytes).expect("written");
        let ran = run(at, &["--output", "json", "import", name]).code(4);
        assert_eq!(ran.err.matches(name).count(), 1, "{name} is named once: {}", ran.err);
        let receipt = ran.json();
        for source in receipt["sources"].as_array().expect("sources") {
            balanced(source);
        }
        assert_eq!(receipt["sources"][0]["documents"]["quarantined"], 1, "{name}: {receipt}");
        let parsed = run(at, &["parse", name]).code(4);
        assert!(parsed.out.is_empty() && parsed.err.contains(name), "{name}: {}", parsed.err);
    }
    assert_eq!(seen(at), before);
    let quarantined = json_of(at, &["status"])["quarantined"].as_array().expect("a list").clone();
    for (name, _) in bad_documents() {
        let own = quarantined.iter().find(|document| document["name"].as_str().is_some_and(|at| at.ends_with(name)));
        assert!(own.is_some_and(|own| own["reason"].as_str().is_some_and(|reason| !reason.is_empty())), "{name}");
    }
    run(at, &["rebuild", "--from-archive"]).code(0);
    assert_eq!(seen(at), before);
    run(at, &["verify"]).code(0);
}

/// Runs to its end and says how much memory it took at most, where the system tells.
fn peak_memory(mut command: Command) -> (Ran, u64) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        if let Ok(text) = fs::read_to_string(&status) {
            let kilobytes =
                text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        }
        if let Some(status) = child.try_wait().expect("asked") {
            break status.code().unwrap_or(-1);
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let (mut out, mut err) = (Vec::new(), String::new());
    child.stdout.take().expect("piped").read_to_end(&mut out).expect("read");
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("read");
    (Ran { code, out, err }, peak)
}

#[test]
fn what_is_far_too_large_is_refused_fast_and_with_little_memory() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    fs::File::create(at.join("huge.xml")).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    let zeros = vec![0; 150 << 20];
    fs::write(at.join("bomb.gz"), gz(&zeros)).expect("written");
    fs::write(at.join("bomb.tar.gz"), gz(&tar(&[("in/huge.xml", &zeros), ("in/small.xml", b"<a/>")])))
        .expect("written");
    fs::write(at.join("bomb2.tar.gz"), gz(&tar(&[("../huge.xml", &zeros)]))).expect("written");
    let twice = gz(&fs::read(at.join("bomb.gz")).expect("readable"));
    fs::write(at.join("bomb.gz.gz"), twice).expect("written");
    drop(zeros);
    for (name, word) in [
        ("huge.xml", "larger than 32 MiB (limits.document)"),
        ("bomb.gz", "limits."),
        ("bomb.tar.gz", "limits.package_ratio"),
        ("bomb2.tar.gz", "limits.package_ratio"),
        ("bomb.gz.gz", "limits."),
    ] {
        let started = Instant::now();
        let mut command = command(at);
        command.args(["--output", "json", "import", name]);
        let (ran, peak) = peak_memory(command);
        let ran = ran.code(4);
        assert!(ran.err.contains(name) && ran.err.contains(word), "{name}: {}", ran.err);
        assert!(started.elapsed() < Duration::from_secs(15), "{name}: {:?}", started.elapsed());
        assert!(peak < 250 << 20, "{name}: {} MiB", peak >> 20);
        balanced(&ran.json()["sources"][0]);
        assert!(ran.json()["sources"][0]["documents"]["failed"].as_u64() >= Some(1), "{name}");
    }
    assert_eq!(seen(at), before);
}

#[test]
fn a_package_that_is_cut_or_hostile_gives_what_is_good_in_it() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let known = gazette().notice(3).xml();
    let package = gz(&tar(&[("a/1.xml", known.as_bytes()), ("a/2.xml", known.as_bytes())]));
    fs::write(at.join("cut.tar.gz"), &package[..package.len() - 40]).expect("written");
    fs::write(
        at.join("names.tar.gz"),
        gz(&tar(&[
            ("../../evil.xml", known.as_bytes()),
            ("/etc/evil.xml", known.as_bytes()),
            ("ok.xml", known.as_bytes()),
        ])),
    )
    .expect("written");
    fs::write(at.join("half.zip"), b"PK\x03\x04 and then nothing of the kind").expect("written");
    for (name, duplicates, failed, words) in [
        ("cut.tar.gz", 1, 1, vec!["cut.tar.gz", "end"]),
        ("names.tar.gz", 1, 2, vec!["../../evil.xml", "/etc/evil.xml", "leads out of the package"]),
        ("half.zip", 0, 1, vec!["half.zip"]),
    ] {
        let ran = run(at, &["--output", "json", "import", name]).code(4);
        for word in words {
            assert!(ran.err.contains(word), "{word} in {}", ran.err);
        }
        let receipt = ran.json();
        let count = |what: &str| -> u64 {
            receipt["sources"]
                .as_array()
                .expect("sources")
                .iter()
                .filter_map(|own| own["documents"][what].as_u64())
                .sum()
        };
        receipt["sources"].as_array().expect("sources").iter().for_each(balanced);
        assert!(count("duplicate") >= duplicates, "{name}: {receipt}");
        assert_eq!(count("failed"), failed, "{name}: {receipt}");
    }
    assert!(!at.join("../evil.xml").exists() && !Path::new("/etc/evil.xml").exists());
    assert_eq!(seen(at), before);
}

#[test]
fn one_unreadable_file_in_a_folder_does_not_stop_the_others() {
    let folder = packages_only();
    let at = folder.path();
    std::os::unix::fs::symlink("nowhere", at.join("packages/00-dangling.tar.gz")).expect("linked");
    std::os::unix::fs::symlink("..", at.join("packages/01-loop")).expect("linked");
    let ran = run(at, &["--output", "json", "import", "packages"]).code(4);
    assert!(ran.err.contains("00-dangling.tar.gz"), "{}", ran.err);
    let receipt = ran.json();
    let stored: u64 =
        receipt["sources"].as_array().expect("sources").iter().filter_map(|own| own["notices"]["new"].as_u64()).sum();
    assert_eq!(stored, 120, "{receipt}");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    run(at, &["import", "packages", "gone.tar.gz"]).fails(1, &["gone.tar.gz"]);
    run(at, &["parse", "gone.xml"]).fails(1, &["gone.xml"]);
    run(at, &["import", "--source", "eu-tde", "packages"]).fails(2, &["eu-tde"]);
    run(at, &["import", "--format", "ocsd", "packages"]).fails(2, &["ocsd", "eforms"]);
    run(at, &["crawl", "eu-tde"]).fails(2, &["eu-tde"]);
    run(at, &["crawl", "--since", "2026-11-20", "--until", "2026-11-19"]).fails(2, &["--since", "--until"]);
    assert_eq!(seen(at), before);
    let empty = tempfile::tempdir().expect("a folder");
    for arguments in [
        ["search", "drone"].as_slice(),
        &["status"],
        &["digest"],
        &["show", "1-2026"],
        &["verify"],
        &["rebuild", "--index"],
        &["rebuild", "--from-archive"],
    ] {
        run(empty.path(), arguments).fails(1, &["no data in data", "import"]);
        assert_eq!(empty.path().read_dir().expect("readable").count(), 0, "{arguments:?} made something");
    }
}

#[test]
fn configuration_and_definitions_with_a_mistake_are_refused_with_file_line_and_path() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let write = |name: &str, text: &str| {
        let path = at.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    };
    write("config.toml", "[politeness]\nmin_dealy = \"1s\"\n");
    run(at, &["status"]).fails(3, &["config.toml:2: politeness", "min_dealy"]);
    write("config.toml", "\n[politeness]\nmin_delay = \"fast\"\n");
    run(at, &["import", "packages"]).fails(3, &["config.toml:3: politeness.min_delay: ", "duration", "fast"]);
    write("config.toml", "[paths\n");
    run(at, &["search"]).fails(3, &["config.toml:1: "]);
    fs::remove_file(at.join("config.toml")).expect("removed");
    run(at, &["--config", "gone.toml", "status"]).fails(3, &["gone.toml"]);

    let shipped = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("shipped");
    write("own.toml", "[paths]\ndefinitions = \"own\"\n");
    run(at, &["--config", "own.toml", "status"]).fails(3, &["own", "paths.definitions"]);
    let source = shipped("sources/eu-ted.toml");
    write("own/sources/eu-ted.toml", &source.replacen("[plan]", "[plan]\nwekdays = [\"mon\"]", 1));
    let line = source.lines().position(|line| line == "[plan]").expect("a plan") + 2;
    let place = format!("own/sources/eu-ted.toml:{line}: plan");
    for arguments in [
        ["status"].as_slice(),
        &["search", "drone"],
        &["crawl", "eu-ted"],
        &["sources", "check"],
        &["import", "packages"],
    ] {
        run(at, &[&["--config", "own.toml"], arguments].concat()).fails(3, &[&place, "wekdays"]);
    }
    fs::remove_dir_all(at.join("own/sources")).expect("removed");
    let category = shipped("index/categories/drones.toml");
    write("own/index/categories/drones.toml", &format!("labell = \"x\"\n{category}"));
    for arguments in [["categories", "check"].as_slice(), &["search", "drone"], &["import", "packages"]] {
        run(at, &[&["--config", "own.toml"], arguments].concat())
            .fails(3, &["own/index/categories/drones.toml:1: ", "labell"]);
    }
    assert_eq!(seen(at), before);
}

#[test]
fn a_live_crawl_without_a_contact_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), &["crawl"]).fails(3, &["TENDERWATCH_CONTACT", "contact", "config.toml"]);
    run(folder.path(), &["crawl", "eu-ted", "--dry-run"]).code(0);
    assert_eq!(folder.path().read_dir().expect("readable").count(), 0);
}

#[test]
fn wrong_usage_is_said_with_a_suggestion() {
    let at = shared();
    for (arguments, words) in [
        (["search", "--category", "drone"].as_slice(), ["--category", "did you mean drones"].as_slice()),
        (&["search", "--country", "UK"], &["--country", "GB"]),
        (&["search", "--cpv", "99"], &["--cpv", "99"]),
        (&["search", "--stage", "results"], &["--stage", "result"]),
        (&["search", "--buyer-kind", "polce"], &["--buyer-kind", "did you mean police"]),
        (&["search", "--joint-evidence", "several-buyer"], &["--joint-evidence", "did you mean several-buyers"]),
        (&["export", "--buyer-kind", "polce", "--format", "jsonl"], &["--buyer-kind", "did you mean police"]),
        (&["search", "--sort", "date"], &["--sort", "relevance"]),
        (&["search", "--source", "ted"], &["--source", "eu-ted"]),
        (&["search", "--lang", "xx", "drone"], &["--lang", "xx"]),
        (&["search", "--since", "22.11.2026"], &["--since", "2026-11-22"]),
        (&["search", "--deadline-within", "soon"], &["--deadline-within", "30d"]),
        (&["search", "--min-value", "many"], &["--min-value"]),
        (&["search", "(drone"], &["(drone", "^"]),
        (&["search", "--limit", "0"], &["--limit"]),
        (&["digest", "--week", "2026-47"], &["--week", "2026-W47"]),
        (&["digest", "--week", "2026-W60"], &["--week", "2026-W60"]),
        (&["digest", "--from", "2026-11-20", "--until", "2026-11-10"], &["--from"]),
        (&["serach", "drone"], &["serach", "search"]),
        (&["search", "--categroy", "drones"], &["--categroy", "--category"]),
        (&["--now", "yesterday", "status"], &["--now", "yesterday"]),
        (&["--output", "xml", "status"], &["--output", "json"]),
    ] {
        run(at, arguments).fails(2, words);
    }
    for arguments in [
        ["status"].as_slice(),
        &["show", "1"],
        &["digest"],
        &["verify"],
        &["rebuild", "--index"],
        &["demo"],
        &["crawl"],
        &["import", "packages"],
        &["parse", "packages"],
        &["classify", "--input", "x"],
        &["categories", "list"],
        &["sources", "list"],
    ] {
        run(at, &[&["--output", "csv"], arguments].concat()).fails(2, &["--output csv"]);
    }
}
