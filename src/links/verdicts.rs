//! The operator's own word on links: a text file of lines, replayed whenever links are computed.
//!
//! `force <TAB> notice <TAB> notice <TAB> kind <TAB> time <TAB> reason`, or `cut` with the kind left empty. The last line
//! about a pair counts. `#` begins a remark.

use std::fmt;

use jiff::Timestamp;

use super::judge::Kind;
use crate::ids::NoticeId;

/// What the operator says of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// They belong together.
    Force(Kind),
    /// They do not, whatever the rules say.
    Cut,
}

impl Verb {
    /// The word that the line begins with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Force(_) => "force",
            Self::Cut => "cut",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is said.
    pub verb: Verb,
    /// Of this notice.
    pub a: NoticeId,
    /// And that one.
    pub b: NoticeId,
    /// From when on it is known.
    pub since: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

impl fmt::Display for Verdict {
    /// The line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.verb {
            Verb::Force(kind) => kind.as_str(),
            Verb::Cut => "",
        };
        let reason = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{}\t{}\t{}\t{kind}\t{}\t{reason}", self.verb.as_str(), self.a, self.b, self.since)
    }
}

/// A line that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct VerdictError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The lines of a file, in order.
///
/// # Errors
/// The first line that is none.
pub fn parse_verdicts(text: &str) -> Result<Vec<Verdict>, VerdictError> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        found.push(parse_line(line).map_err(|reason| VerdictError { line: at + 1, reason })?);
    }
    Ok(found)
}

fn parse_line(line: &str) -> Result<Verdict, String> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let [verb, a, b, kind, since, reason] = fields.as_slice() else {
        return Err(format!(
            "expected six fields between tabs (verb, notice, notice, kind, time, reason), found {}",
            fields.len()
        ));
    };
    let verb = match *verb {
        "cut" => Verb::Cut,
        "force" => Verb::Force(Kind::parse(kind).ok_or_else(|| {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("there is no kind of link \"{kind}\"; known are {}", known.join(", "))
        })?),
        other => return Err(format!("expected force or cut, found \"{other}\"")),
    };
    if a.is_empty() || b.is_empty() || a == b {
        return Err("expected two different notices".to_owned());
    }
    let since = since.parse().map_err(|_| format!("\"{since}\" is no time such as 2026-11-22T09:00:00Z"))?;
    Ok(Verdict { verb, a: NoticeId::new(*a), b: NoticeId::new(*b), since, reason: (*reason).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_a_bad_one_is_named() {
        let verdict = Verdict {
            verb: Verb::Force(Kind::SameNotice),
            a: "a/1".into(),
            b: "b/2".into(),
            since: "2026-11-22T09:00:00Z".parse().expect("a time"),
            reason: "the same boots".into(),
        };
        let cut = Verdict { verb: Verb::Cut, ..verdict.clone() };
        let text = format!("# ours\n\n{verdict}\n{cut}\n");
        assert_eq!(parse_verdicts(&text).expect("reads"), [verdict, cut]);
        for (text, said) in [
            ("cut a b", "six fields"),
            ("cuts\ta\tb\t\t2026-11-22T09:00:00Z\t", "force or cut"),
            ("force\ta\tb\tsame\t2026-11-22T09:00:00Z\t", "no kind of link"),
            ("cut\ta\ta\t\t2026-11-22T09:00:00Z\t", "two different"),
            ("cut\ta\tb\t\tyesterday\t", "no time"),
        ] {
            let error = parse_verdicts(&format!("\n{text}")).expect_err(text);
            assert!(error.line == 2 && error.reason.contains(said), "{error}");
        }
    }
}
