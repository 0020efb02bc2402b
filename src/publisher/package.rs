//! A daily package: a gzipped tar with one folder and one document per notice. Equal plans give equal bytes.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use jiff::civil::time;
use jiff::tz::Offset;

use super::calendar::OjIssue;
use super::plan::Gazette;

/// Writes the notices at these places, one in memory at a time.
pub(super) fn write<W: Write>(
    gazette: &Gazette,
    issue: OjIssue,
    places: impl Iterator<Item = usize>,
    out: W,
) -> io::Result<W> {
    let folder = issue.folder();
    let packed_at =
        Offset::UTC.to_timestamp(issue.day.to_datetime(time(7, 0, 0, 0))).map_or(0, jiff::Timestamp::as_second);
    let mtime = u64::try_from(packed_at).unwrap_or(0);
    // no time stamp in the gzip head: it would differ from run to run
    let mut archive = tar::Builder::new(GzBuilder::new().mtime(0).write(out, Compression::fast()));
    let mut head = tar::Header::new_gnu();
    head.set_entry_type(tar::EntryType::Directory);
    head.set_mode(0o755);
    head.set_mtime(mtime);
    head.set_size(0);
    archive.append_data(&mut head, format!("{folder}/"), io::empty())?;
    for at in places {
        let notice = gazette.notice(at);
        let document = notice.xml();
        let mut head = tar::Header::new_gnu();
        head.set_mode(0o644);
        head.set_mtime(mtime);
        head.set_size(document.len() as u64);
        archive.append_data(&mut head, format!("{folder}/{}", notice.file_name()), document.as_bytes())?;
    }
    archive.into_inner()?.finish()
}
