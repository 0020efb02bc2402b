//! Notices → files for other programs: JSON Lines, CSV, and one OCDS release package; one notice at a time, so that
//! an export of everything needs no memory. It knows neither the store nor who asks.

mod ocds;

use std::io::{self, Write};

use jiff::Timestamp;

use crate::notice::{Amount, Notice, Organisation};

/// The shapes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One notice a line, all of it.
    Jsonl,
    /// One notice a row, the fields people sort by.
    Csv,
    /// One OCDS 1.1 release package.
    Ocds,
}

/// Columns of the table.
const COLUMNS: &[&str] = &[
    "id",
    "source",
    "publication_id",
    "stage",
    "correction",
    "published_on",
    "deadline",
    "country",
    "buyers",
    "lang",
    "title",
    "cpv",
    "nature",
    "procedure_type",
    "estimated_value",
    "estimated_currency",
    "awarded_value",
    "awarded_currency",
    "suppliers",
    "categories",
    "url",
];

/// An export under way.
pub struct Exporter<W: Write> {
    shape: Shape,
    out: W,
    written: u64,
}

impl<W: Write> Exporter<W> {
    /// Writes what stands before the first notice; `now` is the date of the package.
    ///
    /// # Errors
    /// What the output says.
    pub fn begin(shape: Shape, mut out: W, now: Timestamp) -> io::Result<Self> {
        match shape {
            Shape::Jsonl => {}
            Shape::Csv => row(&mut out, COLUMNS)?,
            Shape::Ocds => ocds::begin(&mut out, now)?,
        }
        Ok(Self { shape, out, written: 0 })
    }

    /// Writes one notice.
    ///
    /// # Errors
    /// What the output says.
    pub fn put(&mut self, notice: &Notice) -> io::Result<()> {
        match self.shape {
            Shape::Jsonl => {
                serde_json::to_writer(&mut self.out, notice)?;
                self.out.write_all(b"\n")?;
            }
            Shape::Csv => row(&mut self.out, &cells(notice))?,
            Shape::Ocds => {
                self.out.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut self.out, &ocds::release(notice))?;
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Writes what stands after the last one, and says how many there were.
    ///
    /// # Errors
    /// What the output says.
    pub fn end(mut self) -> io::Result<u64> {
        if self.shape == Shape::Ocds {
            self.out.write_all(b"\n]}\n")?;
        }
        self.out.flush()?;
        Ok(self.written)
    }
}

fn row<T: AsRef<[u8]>>(out: &mut impl Write, cells: &[T]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}

fn cells(notice: &Notice) -> Vec<String> {
    let (lang, title) = notice.title.first().unwrap_or_default();
    let names = |list: &[Organisation]| {
        list.iter().filter_map(|organisation| organisation.name.as_deref()).collect::<Vec<_>>().join("; ")
    };
    let money = |amount: &Option<Amount>| {
        let known = amount.as_ref().and_then(Amount::known);
        known.map(|money| (money.amount.to_string(), money.currency.clone())).unwrap_or_default()
    };
    let (estimated, awarded) = (money(&notice.estimated_value), money(&notice.awarded_value));
    let labels = notice.categories.iter().filter(|label| label.score >= 0.5);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        notice.id.to_string(),
        notice.source.to_string(),
        text(&notice.publication_id),
        notice.stage.as_str().to_owned(),
        notice.correction.to_string(),
        notice.published_on.map_or_else(String::new, |day| day.to_string()),
        notice.deadline.as_ref().map_or_else(String::new, |deadline| deadline.at.to_string()),
        notice.buyer_countries().join(" "),
        names(&notice.buyers),
        lang.to_owned(),
        title.to_owned(),
        notice.cpv.join(" "),
        notice.nature.map_or_else(String::new, |nature| nature.as_str().to_owned()),
        text(&notice.procedure_type),
        estimated.0,
        estimated.1,
        awarded.0,
        awarded.1,
        names(&notice.suppliers),
        labels.map(|label| label.id.to_string()).collect::<Vec<_>>().join(" "),
        text(&notice.url),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RawId;
    use crate::notice::Stage;

    fn exported(shape: Shape, notices: &[Notice]) -> String {
        let mut out = Vec::new();
        let mut exporter = Exporter::begin(shape, &mut out, Timestamp::UNIX_EPOCH).expect("memory");
        notices.iter().for_each(|notice| exporter.put(notice).expect("memory"));
        assert_eq!(exporter.end().expect("memory"), notices.len() as u64);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn every_shape_holds_every_notice() {
        let mut one = Notice::new("x/1".into(), "x".into(), "ocds", RawId::of(b""), Stage::Competition);
        one.title.push("en", "Vests, \"light\"");
        let notices = [one.clone(), one];
        assert_eq!(exported(Shape::Jsonl, &notices).lines().count(), 2);
        let table = exported(Shape::Csv, &notices);
        assert_eq!(table.lines().count(), 3);
        assert!(table.contains("\"Vests, \"\"light\"\"\""), "{table}");
        for notices in [&notices[..], &[]] {
            let package: serde_json::Value = serde_json::from_str(&exported(Shape::Ocds, notices)).expect("JSON");
            assert_eq!(package["releases"].as_array().map(Vec::len), Some(notices.len()));
        }
    }
}
