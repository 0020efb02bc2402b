//! Format `plan-table`: procurement plans and pipelines in CSV, TSV, XLSX and ODS; one row, one `plan-item`.
//!
//! A table is a plan when its column names say so, by the lexicon `index/plans/headers.toml`, or when it has no names
//! and the shape of an export that is known there. Titles above the names, sections, sums, repeated names and empty
//! rows are counted and are no notices. It refuses to know tables of calls and contracts: those are sources' mappings.

mod band;
mod lexicon;
mod period;
mod row;

use std::collections::{BTreeSet, HashMap};

use rust_decimal::Decimal;

use self::lexicon::{Column, LEXICON, Layout, Role, has_phrase, plain};
use super::reading::{currency_in, nature_of};
use super::table::{self, Options, Row, Sheet, Table};
use super::{Format, ParseError, Parsed};
use crate::codes;
use crate::issue::NonNotice;
use crate::notice::Nature;
use crate::raw::RawDocument;

/// One line of the table of formats.
pub const FORMAT: Format = Format { name: "plan-table", version: 1, sniff, parse };

/// Column names stand within the first rows.
const HEADER_ROWS: usize = 40;

fn sniff(bytes: &[u8]) -> bool {
    table::head(bytes, HEADER_ROWS + 10).is_some_and(|table| table.sheets.iter().any(|sheet| Plan::of(sheet).is_some()))
}

fn parse(document: &RawDocument) -> Result<Parsed, ParseError> {
    let table = table::read(&document.body, &Options::default())?;
    let plans: Vec<Option<Plan>> = table.sheets.iter().map(Plan::of).collect();
    if plans.iter().all(Option::is_none) {
        let found = table::beginning(&document.body).unwrap_or_else(|| "a text of one or two columns".to_owned());
        return Err(ParseError::NotThisFormat { format: FORMAT.name, found });
    }
    let mut parsed = Parsed { issues: table.issues.clone(), ..Parsed::default() };
    let mut seen = HashMap::new();
    for (sheet, plan) in table.sheets.iter().zip(&plans) {
        match plan {
            Some(plan) => read_sheet(document, &table, sheet, plan, &mut seen, &mut parsed),
            None => {
                for row in sheet.rows() {
                    parsed.non_notice(if row.is_blank() { NonNotice::EmptyRow } else { NonNotice::NoteRow });
                }
            }
        }
    }
    Ok(parsed)
}

fn read_sheet(
    document: &RawDocument,
    table: &Table,
    sheet: &Sheet,
    plan: &Plan,
    seen: &mut HashMap<String, u32>,
    parsed: &mut Parsed,
) {
    let around = Around::of(document, table, sheet, plan);
    let mut section = None;
    for row in sheet.rows() {
        if row.is_blank() {
            parsed.non_notice(NonNotice::EmptyRow);
        } else if row.number < plan.header.start {
            parsed.non_notice(NonNotice::NoteRow);
        } else if plan.header.contains(&row.number) || plan.is_header(row) {
            parsed.non_notice(NonNotice::HeaderRow);
        } else if plan.is_total(row) {
            parsed.non_notice(NonNotice::TotalRow);
        } else if let Some(opened) = plan.section(row) {
            section = opened.nature.or(section);
            parsed.non_notice(NonNotice::SectionRow);
        } else {
            match row::read(document, plan, &around, row, section, seen) {
                Some(notice) => parsed.notice(notice),
                None => parsed.unreadable(place(sheet, row), "a row that names nothing to buy"),
            }
        }
    }
}

/// `Plan!12`, counted as a spreadsheet does.
fn place(sheet: &Sheet, row: Row<'_>) -> String {
    let number = row.number + 1;
    if sheet.name.is_empty() { format!("row {number}") } else { format!("{}!{number}", sheet.name) }
}

/// How a sheet is a plan.
struct Plan {
    /// Its rows of names; empty at 0 for an export without.
    header: std::ops::Range<usize>,
    columns: Vec<Column>,
    /// The names, plain, to know them when they come again.
    names: Vec<String>,
    /// Of the names, when they are of one language.
    language: Option<String>,
    layout: Option<&'static Layout>,
}

impl Plan {
    fn of(sheet: &Sheet) -> Option<Self> {
        // The most known columns; of two with as many, the one that needs fewer rows: what stands above is a title.
        let mut best: Option<(usize, Self)> = None;
        for number in 0..sheet.len().min(HEADER_ROWS) {
            let Some(row) = sheet.row(number) else { break };
            for plan in [Self::named(row, None), sheet.row(number + 1).and_then(|below| Self::named(row, Some(below)))]
            {
                let Some(plan) = plan else { continue };
                let known = plan.columns.iter().filter(|column| column.role != Role::Keep).count();
                let better = best
                    .as_ref()
                    .is_none_or(|(most, old)| known > *most || known == *most && plan.header.len() < old.header.len());
                if better {
                    best = Some((known, plan));
                }
            }
        }
        best.map(|(_, plan)| plan).or_else(|| Self::by_shape(sheet))
    }

    /// The names in one row, or in two, of which the upper one has names over several columns.
    fn named(upper: Row<'_>, lower: Option<Row<'_>>) -> Option<Self> {
        let mut columns: Vec<Column> = Vec::new();
        let mut names = Vec::new();
        let mut votes: HashMap<&str, usize> = HashMap::new();
        let mut over = "";
        for at in 0..upper.len().max(lower.map_or(0, Row::len)).min(500) {
            let (own, below) = (upper.get(at).trim(), lower.map_or("", |row| row.get(at).trim()));
            if own.chars().count() > 600 || below.chars().count() > 300 {
                return None;
            }
            if !own.is_empty() {
                over = own;
            }
            let both = if below.is_empty() { own.to_owned() } else { format!("{over} {below}") };
            let found = Some(below).filter(|below| !below.is_empty()).and_then(|below| LEXICON.role(below));
            let (role, languages) = found.or_else(|| LEXICON.role(&both)).unwrap_or((Role::Keep, Vec::new()));
            for language in languages {
                *votes.entry(language).or_default() += 1;
            }
            let mut name: String = both.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
            if name.is_empty() {
                name = format!("column {}", at + 1);
            }
            let same = columns.iter().filter(|column| column.name == name).count();
            if same > 0 {
                name = format!("{name} ({})", same + 1);
            }
            names.push(plain(own));
            columns.push(Column { role, name });
        }
        let roles: BTreeSet<Role> = columns.iter().map(|column| column.role).collect();
        let any = |of: &[Role]| of.iter().any(|role| roles.contains(role));
        let is_plan = any(&[Role::Title])
            && any(&[Role::Launch, Role::Contract])
            && any(&[Role::Cpv, Role::Value, Role::Budget, Role::Procedure, Role::Nature])
            && !any(&[Role::NoPlan]);
        // In two rows, the lower one has names of its own.
        let two = lower.is_none_or(|row| row.iter().filter(|cell| LEXICON.role(cell).is_some()).count() >= 2);
        if !is_plan || !two {
            return None;
        }
        let most = votes.values().max().copied().unwrap_or(0);
        let mut leading = votes.iter().filter(|(_, count)| **count == most).map(|(language, _)| *language);
        let language = leading.next().filter(|_| leading.next().is_none()).map(str::to_owned);
        let end = lower.map_or(upper.number, |row| row.number) + 1;
        Some(Self { header: upper.number..end, columns, names, language, layout: None })
    }

    /// An export without names: as many columns as one that is known, with the same kinds of values in them.
    fn by_shape(sheet: &Sheet) -> Option<Self> {
        let sample: Vec<Row<'_>> = sheet.rows().filter(|row| !row.is_blank()).take(HEADER_ROWS).collect();
        let layout = LEXICON.layouts.iter().find(|layout| {
            let width = layout.columns.len();
            let wide = sample.iter().filter(|row| row.len() == width).count();
            wide > 0 && wide * 10 >= sample.len() * 9 && fits(layout, &sample)
        })?;
        let (columns, language) = (layout.columns.clone(), Some(layout.language.clone()));
        Some(Self { header: 0..0, columns, names: Vec::new(), language, layout: Some(layout) })
    }

    /// The names again, or the numbers of the columns that some plans have below them.
    fn is_header(&self, row: Row<'_>) -> bool {
        if self.names.is_empty() {
            return false;
        }
        let cells: Vec<(usize, String)> =
            row.iter().enumerate().map(|(at, cell)| (at, plain(cell))).filter(|(_, cell)| !cell.is_empty()).collect();
        let same = cells.iter().filter(|(at, cell)| self.names.get(*at) == Some(cell)).count();
        let numbers = cells.len() >= 4
            && cells.iter().zip(1..).all(|((_, cell), number): (_, usize)| {
                // `1`, `2` … or `A`, `B` … or `0`, `1` …
                cell.parse() == Ok(number) || cell.parse() == Ok(number - 1)
            });
        numbers || same > 2 && same * 10 >= cells.len() * 7
    }

    fn cell<'t>(&self, row: Row<'t>, role: Role) -> &'t str {
        let at = self.columns.iter().position(|column| column.role == role);
        at.map_or("", |at| row.get(at).trim())
    }

    fn is_total(&self, row: Row<'_>) -> bool {
        let Some(first) = row.iter().map(plain).find(|cell| cell.chars().any(char::is_alphabetic)) else {
            return false;
        };
        let total = LEXICON
            .total
            .iter()
            .any(|word| first.strip_prefix(word.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
        total
            && first.split(' ').count() <= 5
            && [Role::Cpv, Role::Procedure, Role::Launch, Role::Contract]
                .iter()
                .all(|role| self.cell(row, *role).is_empty())
    }

    /// Whether a row only opens a section: one cell alone, `A. ROBE` with or without its sum, `A | ROBOTY BUDOWLANE`.
    fn section(&self, row: Row<'_>) -> Option<Section> {
        let mut filled: Vec<&str> = Vec::new();
        for cell in row.iter().map(str::trim).filter(|cell| !cell.is_empty()) {
            // A merged cell may be written into every column.
            if !filled.contains(&cell) {
                filled.push(cell);
            }
        }
        let letters = |cell: &&&str| cell.chars().filter(|c| c.is_alphabetic()).count() > 3;
        let text = filled.iter().find(letters).copied().unwrap_or_else(|| filled.first().copied().unwrap_or(""));
        let without_letter = text
            .split_once(['.', ')', ' '])
            .filter(|(mark, _)| mark.chars().count() <= 3)
            .map_or(text, |(_, rest)| rest.trim());
        let nature = nature_of(without_letter);
        let one_word = without_letter.split_whitespace().count() == 1 && filled.len() <= 3;
        let mark = |cell: &str| cell.chars().count() <= 4 && !cell.contains(|c: char| c.is_ascii_digit());
        let bare = nature.is_some() && (one_word || filled.iter().all(|cell| *cell == text || mark(cell)));
        let planned = [Role::Cpv, Role::Procedure, Role::Launch, Role::Contract, Role::Start, Role::LocalId, Role::Id]
            .iter()
            .any(|role| !self.cell(row, *role).is_empty() && self.cell(row, *role) != text);
        let alone = filled.len() == 1 && self.layout.is_none();
        (!planned && (alone || bare)).then_some(Section { nature })
    }
}

/// A part of a plan.
struct Section {
    /// What it is about, if its name says so.
    nature: Option<Nature>,
}

/// Whether values stand where the layout has dates, amounts, codes and links.
fn fits(layout: &Layout, sample: &[Row<'_>]) -> bool {
    let mut kinds = 0;
    for (at, column) in layout.columns.iter().enumerate() {
        let (mut filled, mut right) = (0, 0);
        for cell in sample.iter().map(|row| row.get(at).trim()).filter(|cell| !cell.is_empty()) {
            let fit = match column.role {
                Role::Cpv => !codes::cpv_in(cell).is_empty() || cell.bytes().all(|b| b.is_ascii_digit() || b == b'|'),
                Role::Value | Role::Part => band::read(cell, Decimal::ONE, false).is_some(),
                Role::Launch | Role::Published | Role::Start | Role::End => {
                    period::read(cell, period::Near::default()).is_some() || period::is_none(cell)
                }
                Role::Url => cell.starts_with("http") || cell.starts_with("www."),
                Role::Row | Role::Id => cell.bytes().all(|byte| byte.is_ascii_digit()),
                _ => continue,
            };
            filled += 1;
            right += usize::from(fit);
        }
        if right * 10 < filled * 8 {
            return false;
        }
        kinds += usize::from(filled > 0);
    }
    kinds >= 4
}

/// What the rows of a sheet have in common.
struct Around {
    language: Option<String>,
    country: Option<String>,
    currency: Option<String>,
    year: Option<i16>,
    /// From a line above the names.
    buyer: Option<String>,
    /// The plan's own number, from there too.
    plan: Option<String>,
    /// Numbers of cells have a decimal point.
    typed: bool,
    /// CPV codes of 7 digits lost a zero at their end and not, as usual, at their beginning.
    cut_cpv: bool,
}

impl Around {
    fn of(document: &RawDocument, table: &Table, sheet: &Sheet, plan: &Plan) -> Self {
        let source = document.origin.source.as_str();
        let prefix = source.split('-').next().filter(|prefix| prefix.len() == 2 && *prefix != "eu");
        let said = prefix.and_then(codes::country_of).map(|country| country.iso2.clone());
        let by_language = plan.language.as_deref().and_then(country_of_language).map(str::to_owned);
        let country = plan.layout.map(|layout| layout.country.clone()).or(said).or(by_language);
        let currency = plan.layout.map(|layout| layout.currency.clone());
        let mut around = Self {
            language: plan.language.clone(),
            currency: currency.or_else(|| country.as_deref().and_then(currency_of).map(str::to_owned)),
            country,
            year: year_in(&sheet.name),
            buyer: None,
            plan: None,
            typed: table.delimiter.is_none(),
            cut_cpv: cut_cpv(sheet, plan),
        };
        for row in sheet.rows().take(plan.header.start) {
            for (at, cell) in row.iter().enumerate() {
                around.note(cell, row.get(at + 1));
            }
        }
        around
    }

    /// A line above the names: `Hankija: …`, `Plan nabave za 2026. godinu`.
    fn note(&mut self, cell: &str, next: &str) {
        self.year = self.year.or_else(|| year_in(cell));
        let (label, value) = cell.split_once(':').map_or((cell, next), |(label, value)| {
            if value.trim().is_empty() { (label, next) } else { (label, value) }
        });
        let value = value.trim();
        if value.is_empty() || label.chars().count() > 60 {
            return;
        }
        match LEXICON.role(label).map(|(role, _)| role) {
            Some(Role::Buyer) if self.buyer.is_none() => self.buyer = Some(value.to_owned()),
            Some(Role::Plan) if self.plan.is_none() => self.plan = Some(value.to_owned()),
            Some(Role::Currency) => self.currency = currency_in(value).or(self.currency.take()),
            _ => {}
        }
    }
}

/// Which zero the codes of 7 digits lost, by what makes more of them codes that there are.
fn cut_cpv(sheet: &Sheet, plan: &Plan) -> bool {
    let Some(at) = plan.columns.iter().position(|column| column.role == Role::Cpv) else { return false };
    let (mut first, mut last) = (0, 0);
    for row in sheet.rows().take(5_000) {
        for digits in row.get(at).split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() == 7) {
            first += usize::from(codes::cpv_label(&format!("0{digits}")).is_some());
            last += usize::from(codes::cpv_label(&format!("{digits}0")).is_some());
        }
    }
    last > first
}

/// The one year that a text names.
fn year_in(text: &str) -> Option<i16> {
    let mut years = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(|digits| digits.parse().ok())
        .filter(|year| (2000..2100).contains(year));
    let first = years.next()?;
    years.all(|year| year == first).then_some(first)
}

/// For languages that point to one country.
fn country_of_language(language: &str) -> Option<&'static str> {
    const COUNTRIES: &[(&str, &str)] = &[
        ("pl", "PL"),
        ("et", "EE"),
        ("it", "IT"),
        ("ro", "RO"),
        ("hr", "HR"),
        ("bs", "BA"),
        ("sl", "SI"),
        ("sr", "RS"),
        ("fi", "FI"),
        ("uk", "UA"),
        ("lt", "LT"),
        ("lv", "LV"),
        ("cs", "CZ"),
        ("sk", "SK"),
        ("hu", "HU"),
        ("bg", "BG"),
        ("sv", "SE"),
        ("da", "DK"),
        ("nb", "NO"),
    ];
    COUNTRIES.iter().find(|(code, _)| *code == language).map(|(_, country)| *country)
}

/// What a public buyer of this country plans in, where nothing else is said.
fn currency_of(country: &str) -> Option<&'static str> {
    const OWN: &[(&str, &str)] = &[
        ("PL", "PLN"),
        ("RO", "RON"),
        ("BA", "BAM"),
        ("RS", "RSD"),
        ("GB", "GBP"),
        ("UA", "UAH"),
        ("CZ", "CZK"),
        ("HU", "HUF"),
        ("SE", "SEK"),
        ("DK", "DKK"),
        ("NO", "NOK"),
        ("CH", "CHF"),
        ("BG", "EUR"),
    ];
    const EURO: &[&str] = &[
        "AT", "BE", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PT",
        "SI", "SK", "ME", "XK",
    ];
    let own = OWN.iter().find(|(code, _)| *code == country).map(|(_, currency)| *currency);
    own.or_else(|| EURO.contains(&country).then_some("EUR"))
}

/// The currency that a text names: a code, a sign, or `KM` and `lei`, which only plans write.
fn currency_named(text: &str) -> Option<String> {
    let words = plain(text);
    let local = [("km", "BAM"), ("lei", "RON"), ("ron", "RON"), ("zl", "PLN"), ("eur", "EUR"), ("din", "RSD")];
    let local = local.iter().find(|(word, _)| has_phrase(&words, word)).map(|(_, currency)| (*currency).to_owned());
    local.or_else(|| currency_sign(text))
}

/// A currency's sign or code; letters inside of words do not count.
fn currency_sign(text: &str) -> Option<String> {
    let signed = text.contains(['€', '£', '$'])
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| word.len() == 3 && codes::is_currency(word));
    signed.then(|| currency_in(text)).flatten()
}
