//! A full disk, a second writer, damaged or foreign files: said clearly, and healed or left alone.

use super::*;

/// Runs under a limit on the size of every file it writes, in KiB: what a full disk looks like from inside.
fn run_on_a_small_disk(at: &Path, kilobytes: u32, arguments: &[&str]) -> Ran {
    let mut command = Command::new("bash");
    command.current_dir(at).env("TENDERWATCH_NOW", NOW).stdin(Stdio::null());
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("tenderwatch")).args(arguments);
    finish(command)
}

#[test]
fn a_full_disk_ends_the_run_and_the_next_one_completes_it() {
    let wanted = seen(shared());
    let mut failed = Vec::new();
    let mut check = |at: &Path, kilobytes: u32, wanted: &Value| {
        let ran = run_on_a_small_disk(at, kilobytes, &["import", "packages"]);
        if ran.code != 0 {
            let ran = ran.fails(1, &[]);
            failed.push(ran.err.lines().find(|line| line.starts_with("error: ")).expect("a line").to_owned());
        }
        run(at, &["import", "packages"]).code(0);
        assert_eq!(&seen(at), wanted, "after {kilobytes} KiB");
        run(at, &["verify"]).code(0);
    };
    for kilobytes in [0, 24, 200] {
        check(packages_only().path(), kilobytes, &wanted);
    }
    // noise does not pack: an archive that is larger than the store is
    let noisy = || {
        let folder = packages_only();
        let mut noise = vec![0; 1_400_000];
        fastrand::Rng::with_seed(7).fill(&mut noise);
        fs::write(folder.path().join("noise.bin"), noise).expect("written");
        run(folder.path(), &["import", "noise.bin"]).code(4);
        folder
    };
    let whole = noisy();
    run(whole.path(), &["import", "packages"]).code(0);
    check(noisy().path(), 1_368, &seen(whole.path()));
    // the archive is there already, so the store fails; then both, so the index does
    for kilobytes in [1, 60, 150] {
        let folder = filled();
        for file in ["store.db", "store.db-wal", "store.db-shm"] {
            fs::remove_file(folder.path().join("data").join(file)).ok();
        }
        check(folder.path(), kilobytes, &wanted);
        let folder = filled();
        fs::remove_dir_all(folder.path().join("data/index")).expect("removed");
        check(folder.path(), kilobytes, &wanted);
    }
    for place in ["archive", "store.db", "kept.db", "index"] {
        assert!(failed.iter().any(|line| line.contains(place)), "{place} never failed: {failed:#?}");
    }
}

#[test]
fn a_second_writer_is_told_who_writes_and_readers_go_on() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let lock =
        WriterLock::take(&Layout::new(&at.join("data")), "crawl eu-ted", NOW.parse().expect("a time")).expect("free");
    let pid = std::process::id().to_string();
    for arguments in [["import", "packages"].as_slice(), &["rebuild", "--index"], &["rebuild", "--from-archive"]] {
        run(at, arguments).fails(1, &["in use", &pid, "tenderwatch crawl eu-ted"]);
    }
    assert_eq!(seen(at), before);
    drop(lock);
    run(at, &["import", "packages"]).code(0);
}

/// What is done to a data directory, or to one of its files.
type Damage = fn(&Path);

fn index_folder(at: &Path) -> PathBuf {
    let current = fs::read_to_string(at.join("data/index/current")).expect("an index");
    at.join("data/index").join(current.trim())
}

fn garble(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte ^= u8::try_from(at % 251).expect("small") | 1;
    }
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_damaged_index_is_said_and_heals() {
    let wanted = seen(shared());
    let search = |at: &Path| run(at, &["search", "drone"]);
    let damages: [(&str, Damage); 6] = [
        ("no current", |at| fs::remove_file(at.join("data/index/current")).expect("removed")),
        ("current leads nowhere", |at| fs::write(at.join("data/index/current"), "000099").expect("written")),
        ("no index at all", |at| fs::remove_dir_all(at.join("data/index")).expect("removed")),
        ("no meta", |at| garble(&index_folder(at).join("meta.json"))),
        ("files gone", |at| {
            for entry in index_folder(at).read_dir().expect("readable").flatten() {
                if entry.path().extension().is_some_and(|extension| extension == "term" || extension == "store") {
                    fs::remove_file(entry.path()).expect("removed");
                }
            }
        }),
        ("an older schema", |at| fs::write(index_folder(at).join("schema-version"), "0").expect("written")),
    ];
    for (nth, (what, damage)) in damages.into_iter().enumerate() {
        let heals = [["import", "packages"].as_slice(), &["rebuild", "--index"]];
        // what an import finds out by opening the index is tried with both
        for heal in heals
            .into_iter()
            .skip(if what == "files gone" { 0 } else { nth % 2 })
            .take(if what == "files gone" { 2 } else { 1 })
        {
            let folder = filled();
            let at = folder.path();
            damage(at);
            if what == "an older schema" {
                let ran = search(at).code(0);
                assert!(ran.err.contains("another version"), "{}", ran.err);
            } else {
                search(at).fails(1, &["index", "tenderwatch rebuild --index"]);
            }
            run(at, heal).code(0);
            assert_eq!(seen(at), wanted, "{what}, {heal:?}");
        }
    }
}

#[test]
fn garbled_index_files_never_crash_a_search_and_a_rebuild_heals_them() {
    let wanted = seen(shared());
    let folder = filled();
    let at = folder.path();
    let files: Vec<PathBuf> =
        index_folder(at).read_dir().expect("readable").flatten().map(|entry| entry.path()).collect();
    let mut told = 0;
    for path in
        files.iter().filter(|path| path.extension().is_some_and(|extension| extension != "json" && extension != "lock"))
    {
        let whole = fs::read(path).expect("readable");
        garble(path);
        let ran = run(at, &["search", "drone", "--facets"]);
        assert!(!ran.err.contains("panicked"), "{}: {}", path.display(), ran.err);
        if ran.code != 0 {
            ran.fails(1, &["index", "tenderwatch rebuild --index"]);
            told += 1;
        }
        run(at, &["verify"]).fails(1, &["index"]);
        fs::write(path, whole).expect("written");
    }
    assert!(told >= 3, "{told} of {}", files.len());
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .for_each(|path| garble(path));
    run(at, &["rebuild", "--index"]).code(0);
    assert_eq!(seen(at), wanted);
    run(at, &["verify"]).code(0);
}

fn remove_side_files(database: &Path) {
    for side in ["-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(side);
        fs::remove_file(name).ok();
    }
}

#[test]
fn a_damaged_store_is_said_and_rebuilt_from_the_archive() {
    let wanted = seen(shared());
    let damages: [(&str, Damage); 3] = [
        ("header", |path| {
            let mut bytes = fs::read(path).expect("readable");
            bytes[..100].fill(b'x');
            fs::write(path, bytes).expect("written");
        }),
        ("pages", |path| {
            let mut bytes = fs::read(path).expect("readable");
            let length = bytes.len();
            bytes[4096..length]
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte ^= u8::try_from(at % 7).expect("small"));
            fs::write(path, bytes).expect("written");
        }),
        ("cut", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).expect("opens");
            file.set_len(file.metadata().expect("there").len() / 2).expect("cut");
        }),
    ];
    for (what, damage) in damages {
        let folder = filled();
        let at = folder.path();
        let times = first_seen(at);
        let store = at.join("data/store.db");
        remove_side_files(&store);
        damage(&store);
        for arguments in [["search", "drone"].as_slice(), &["status"], &["import", "packages"]] {
            let ran = run(at, arguments);
            assert!(what != "header" || ran.code == 1, "{arguments:?}");
            if ran.code != 0 {
                ran.fails(1, &["store.db", "rebuild --from-archive"]);
            }
        }
        run(at, &["status"]).fails(1, &["store.db", "rebuild --from-archive"]);
        run(at, &["rebuild", "--from-archive"]).code(0);
        assert_eq!(seen(at), wanted, "{what}");
        assert_eq!(first_seen(at), times, "{what}");
        run(at, &["verify"]).code(0);
    }
    // gone altogether: the next run that writes makes it anew
    let folder = filled();
    let at = folder.path();
    let store = at.join("data/store.db");
    remove_side_files(&store);
    fs::remove_file(&store).expect("removed");
    run(at, &["import", "packages"]).code(0);
    assert_eq!(seen(at), wanted);
}

#[test]
fn damaged_kept_state_is_said_and_left_alone() {
    for damage in [
        &b"no database at all, but some text that is longer than a header of a database would be, twice over"[..],
        b"short",
        b"",
    ] {
        let folder = filled();
        let at = folder.path();
        let kept = at.join("data/kept.db");
        remove_side_files(&kept);
        fs::write(&kept, damage).expect("written");
        let text = String::from_utf8_lossy(damage).into_owned();
        for arguments in [["import", "packages"].as_slice(), &["rebuild", "--from-archive"], &["status"], &["digest"]] {
            run(at, arguments).fails(1, &["kept.db", "backup"]);
        }
        assert_eq!(fs::read(&kept).expect("readable"), damage, "{text:?} was touched");
        run(at, &["search", "drone"]).code(0);
    }
}

#[test]
fn a_damaged_archive_is_named_by_file_and_place_and_never_cut() {
    // in the body of a record, in its magic, in its sizes
    for (offset, word) in [(200, "check sum"), (0, "no record"), (11, "")] {
        let folder = filled();
        let at = folder.path();
        let before = seen(at);
        let pack = at.join("data/archive/000001.pack");
        let mut bytes = fs::read(&pack).expect("readable");
        let second = bytes[12..].windows(4).position(|window| window == b"TWR2").expect("a second record") + 12;
        bytes[second + offset] ^= 0x40;
        fs::write(&pack, &bytes).expect("written");
        let place = format!("000001.pack:{second}");
        for arguments in [["verify"].as_slice(), &["import", "packages"], &["rebuild", "--from-archive"]] {
            run(at, arguments).fails(1, &["damaged", &place, word]);
            assert_eq!(fs::read(&pack).expect("readable"), bytes, "{arguments:?} cut the archive");
        }
        assert_eq!(seen(at), before, "readers go on");
    }
    // the last record, which the store knows already, is no torn tail
    let folder = filled();
    let pack = folder.path().join("data/archive/000001.pack");
    let mut bytes = fs::read(&pack).expect("readable");
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&pack, &bytes).expect("written");
    run(folder.path(), &["import", "packages"]).fails(1, &["damaged", "000001.pack:"]);
    assert_eq!(fs::read(&pack).expect("readable"), bytes);
    // but half a record that nobody has stored yet is one
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let pack = at.join("data/archive/000001.pack");
    let whole = fs::read(&pack).expect("readable");
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[8..200]);
    fs::write(&pack, torn).expect("written");
    let ran = run(at, &["import", "packages"]).code(0);
    assert!(ran.err.contains("torn tail"), "{}", ran.err);
    assert_eq!(fs::read(&pack).expect("readable"), whole);
    assert_eq!(seen(at), before);
}

/// All files below a folder, with their bytes.
fn bytes_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(bytes_below(&path));
        } else if path.file_name().is_none_or(|name| name != "lock") {
            let bytes = fs::read(&path).expect("readable");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn data_of_a_newer_program_are_left_untouched() {
    for name in ["store.db", "kept.db"] {
        let folder = filled();
        let at = folder.path();
        for database in ["store.db", "kept.db"] {
            let connection = rusqlite::Connection::open(at.join("data").join(database)).expect("opens");
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written back");
            if database == name {
                connection.pragma_update(None, "user_version", 99).expect("set");
            } else if database == "kept.db" {
                // an older one beside it is not migrated either
                connection.execute_batch("DROP TABLE validators; PRAGMA user_version = 1").expect("set");
            }
            connection.close().expect("closed");
        }
        let before = bytes_below(&at.join("data"));
        for arguments in [["import", "packages"].as_slice(), &["rebuild", "--index"], &["rebuild", "--from-archive"]] {
            run(at, arguments).fails(1, &[name, "version 99", "newer"]);
        }
        let after = bytes_below(&at.join("data"));
        let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before));
        assert!(after == before, "something was touched");
        if name == "store.db" {
            run(at, &["search", "drone"]).fails(1, &[name, "version 99", "newer"]);
        }
        run(at, &["status"]).fails(1, &["version"]);
    }
}

#[test]
fn kept_state_of_an_older_program_is_copied_and_migrated() {
    let folder = filled();
    let at = folder.path();
    let before = seen(at);
    let path = at.join("data/kept.db");
    remove_side_files(&path);
    fs::remove_file(&path).expect("removed");
    let fixture = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store/kept-v1.sql"));
    rusqlite::Connection::open(&path).expect("opens").execute_batch(&fixture.expect("there")).expect("filled");
    run(at, &["status"]).fails(1, &["kept.db", "version 1", "older program"]);
    run(at, &["import", "packages"]).code(0);

    let one = |database: &Path, sql: &str| -> String {
        let connection = rusqlite::Connection::open(database).expect("opens");
        connection
            .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .expect("asked")
    };
    let copy = at.join("data/kept.v1.db");
    assert_eq!(one(&path, "PRAGMA user_version"), "Integer(4)");
    assert_eq!(one(&copy, "PRAGMA user_version"), "Integer(1)");
    assert_eq!(one(&path, "PRAGMA integrity_check"), "Text(\"ok\")");
    assert_eq!(one(&path, "SELECT position FROM cursors"), "Text(\"2026-00222\")");
    assert_eq!(one(&path, "SELECT count(*) FROM runs WHERE number <= 2"), "Integer(2)");
    assert_eq!(one(&path, "SELECT count(*) FROM receipts"), "Integer(2)");
    assert_eq!(one(&path, "SELECT at FROM first_seen WHERE notice_id = 'eu-ted/00000007-2020'"), "Integer(1577872800)");
    assert_eq!(one(&copy, "SELECT count(*) FROM first_seen"), "Integer(2)");
    assert_eq!(seen(at), before);
    let status = json_of(at, &["status"]);
    let sources = status["sources"].as_array().expect("a list");
    let ted = sources.iter().find(|source| source["source"] == "eu-ted").expect("listed");
    assert_eq!(ted["cursor"], "2026-00222");
    // a notice that version 1 had seen keeps its time, whatever is rebuilt
    run(at, &["rebuild", "--from-archive"]).code(0);
    let shown = json_of(at, &["show", "00500001-2026"]);
    assert_eq!(shown["first_seen"], "2026-11-16T09:00:00Z");
}
