//! The third memory proof: a bulk file of any size is crawled from a publisher into the index with little memory, and a
//! second run asks for it with conditions and gets nothing.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::large::{number, ocds};
use crate::memory::{mebi, watch};

/// The bound, in bytes.
const MOST: u64 = 250_000_000;

/// Crawls one file of so many megabytes, twice.
pub fn prove(megabytes: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bulk.json");
    let releases = ocds(&file, megabytes * 1_000_000, 400);
    let (port, asked) = serve(file);
    let sources = folder.path().join("definitions/sources");
    std::fs::create_dir_all(&sources).expect("a folder");
    let definition = format!(
        "name = \"A bulk file\"\ncountry = \"IE\"\nhomepage = \"http://127.0.0.1/\"\nlanguages = [\"en\"]\n\
         status = \"active\"\nevidence = \"documented\"\n\
         [access]\nlicence = \"CC0-1.0\"\nattribution = \"nobody\"\nhosts = [\"127.0.0.1\"]\n\
         private_hosts = [\"127.0.0.1:{port}\"]\ndelay = \"20ms\"\n\
         [plan]\nkind = \"once\"\nurl = \"http://127.0.0.1:{port}/bulk.json\"\n\
         [document]\nformat = \"ocds\"\n[record]\nkey = \"publication_id\"\nzone = \"Europe/Dublin\"\n"
    );
    std::fs::write(sources.join("xx-bulk.toml"), definition).expect("written");
    let config = folder.path().join("config.toml");
    let quoted = |name: &str| toml::Value::String(folder.path().join(name).display().to_string());
    let text = format!("[paths]\ndata = {}\ndefinitions = {}\n", quoted("data"), quoted("definitions"));
    std::fs::write(&config, text).expect("written");
    let crawl = |now: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenderwatch"));
        command.args(["--quiet", "--output", "json", "--now", now, "crawl", "xx-bulk"]).arg("--config").arg(&config);
        let started = Instant::now();
        let (peak, receipt) = watch(command);
        println!(
            "  crawled in {:.1} s: peak {:.0} MiB resident, {:.0} of them its own",
            started.elapsed().as_secs_f64(),
            mebi(peak.all),
            mebi(peak.own)
        );
        (peak.all, receipt)
    };
    println!("one file of {megabytes} MB, {releases} releases");
    let (peak, receipt) = crawl("2026-11-21T03:00:00Z");
    assert_eq!(number(&receipt, "new"), releases, "{receipt}");
    let (_, receipt) = crawl("2026-11-22T03:00:00Z");
    assert_eq!(number(&receipt, "not_modified"), 1, "{receipt}");
    let asked = asked.lock().expect("no panic").clone();
    assert_eq!(asked, ["200 /bulk.json", "304 /bulk.json"], "robots.txt aside, one question a night");
    assert!(peak < MOST, "{:.0} MiB resident", mebi(peak));
}

/// A publisher of one file with an ETag; what it was asked, and with which status it answered, but for robots.txt.
fn serve(file: PathBuf) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &file, &log); // whoever hangs up misses something
        }
    });
    (port, asked)
}

fn answer(mut stream: TcpStream, file: &PathBuf, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path != "/bulk.json" {
        return stream.write_all(b"HTTP/1.1 404 So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let known = head.contains("if-none-match: \"one\"");
    log.lock().expect("no panic").push(format!("{} {path}", if known { 304 } else { 200 }));
    if known {
        return stream.write_all(b"HTTP/1.1 304 So\r\nConnection: close\r\n\r\n");
    }
    let file = File::open(file)?;
    let length = file.metadata()?.len();
    let more = "Content-Type: application/json\r\nETag: \"one\"\r\nConnection: close";
    stream.write_all(format!("HTTP/1.1 200 So\r\nContent-Length: {length}\r\n{more}\r\n\r\n").as_bytes())?;
    std::io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut stream)?;
    Ok(())
}
