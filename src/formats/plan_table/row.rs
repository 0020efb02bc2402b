//! One row of a plan → one notice.
//!
//! Its id must outlive new editions of the plan, in which rows move. A publisher's own id is the best; else it is made
//! of what stays: buyer, year, and the number within the buyer's plan, or title and CPV where there is none. The
//! running number of a row is no such thing: it changes with every row that is put in above.

use std::collections::HashMap;
use std::fmt::Write;

use rust_decimal::Decimal;
use serde_json::json;

use super::band::{self, Band};
use super::lexicon::{Column, LEXICON, Role, plain};
use super::period::{self, Near};
use super::{Around, Plan, currency_named};
use crate::codes;
use crate::formats::reading::{Reading, nature_of, notice_id, place_of_nuts, push_new};
use crate::formats::table::Row;
use crate::ids::{NoticeId, RawId};
use crate::issue::IssueCode;
use crate::notice::{
    Duration, Lot, LotKind, MoneyKind, Nature, Notice, Organisation, Precision, Related, Relation, Role as Party,
    Stage, Text, Vat, Window, WindowMeaning,
};
use crate::raw::RawDocument;

/// What of a row is not in the notice yet.
#[derive(Default)]
struct Found {
    id: Option<String>,
    local: Option<String>,
    plan: Option<String>,
    currency: Option<String>,
    /// Path, text, kind.
    value: Option<(String, String, MoneyKind)>,
    parts: Vec<(String, String)>,
    buyer: Organisation,
    on_behalf: Option<String>,
    central: Option<String>,
    launch: Option<String>,
    duration: Option<(String, String)>,
}

pub(super) fn read(
    document: &RawDocument,
    plan: &Plan,
    around: &Around,
    row: Row<'_>,
    section: Option<Nature>,
    seen: &mut HashMap<String, u32>,
) -> Option<Notice> {
    let mut reading = Reading::new(codes::zone_of(around.country.as_deref()));
    reading.language.clone_from(&around.language);
    let source = document.origin.source.clone();
    let id = notice_id(document, None, None, row.number + 1);
    let mut notice = Notice::new(id, source.clone(), super::FORMAT.name, document.id, Stage::PlanItem);
    let mut found = Found::default();
    let mut repaired = false;
    for (at, column) in plan.columns.iter().enumerate() {
        let cell = row.get(at).trim();
        let text = entities(cell);
        repaired |= text.is_some();
        let text = text.as_deref().unwrap_or(cell).trim();
        if let Some(link) = row.link(at).filter(|_| notice.url.is_none() && column.role != Role::Contact) {
            notice.url = reading.url(&column.name, link);
        }
        if !text.is_empty() {
            cell_of(&mut notice, &mut found, &mut reading, around, column, text);
        }
    }
    if notice.title.is_empty() {
        std::mem::swap(&mut notice.title, &mut notice.description);
    }
    if notice.title.is_empty() {
        return None;
    }
    if repaired {
        reading.issue(IssueCode::RepairedText, "title", "");
    }
    notice.nature = notice.nature.or(section);
    if found.buyer.name.is_none() {
        found.buyer.name = around.buyer.as_deref().and_then(|name| reading.line(name));
    }
    buyers(&mut notice, &mut found, around);
    amounts(&mut notice, &found, &mut reading, plan, around);
    duration(&mut notice, &found, &mut reading, around);
    notice.planned.sort_by_key(|window| (window.meaning, window.from));
    identity(&mut notice, &found, &mut reading, around, seen);
    if notice.publication_id.is_none() {
        reading.keep("row", row.number + 1);
    }
    reading.finish(&mut notice);
    Some(notice)
}

fn cell_of(
    notice: &mut Notice,
    found: &mut Found,
    reading: &mut Reading,
    around: &Around,
    column: &Column,
    text: &str,
) {
    let path = column.name.as_str();
    match column.role {
        Role::Id => found.id = found.id.take().or_else(|| reading.line(text)),
        Role::LocalId => {
            found.local = found.local.take().or_else(|| reading.line(text));
            reading.keep(path, text);
        }
        Role::Plan => found.plan = reading.line(text),
        Role::Previous => notice.related.push(Related {
            id: text.to_owned(),
            relation: Relation::Previous,
            evidence: path.to_owned(),
        }),
        Role::Title => reading.text(&mut notice.title, path, None, text),
        Role::Description => reading.text(&mut notice.description, path, None, text),
        Role::Buyer => found.buyer.name = found.buyer.name.take().or_else(|| reading.line(text)),
        Role::BuyerId => found.buyer.id = found.buyer.id.take().or_else(|| reading.line(text)),
        Role::OnBehalf => found.on_behalf = reading.line(text),
        Role::Central => found.central = reading.line(text),
        Role::Cpv => {
            let whole = if around.cut_cpv { uncut(text) } else { text.to_owned() };
            if whole != text {
                reading.keep_in_list(path, text);
            }
            for code in reading.cpv(path, &whole) {
                push_new(&mut notice.cpv, code);
            }
        }
        Role::Value if found.value.is_none() => {
            found.value = Some((path.to_owned(), text.to_owned(), MoneyKind::Estimate));
        }
        Role::Budget if found.value.is_none() => {
            found.value = Some((path.to_owned(), text.to_owned(), MoneyKind::Budget));
        }
        Role::Part => {
            reading.keep(path, text);
            found.parts.push((path.to_owned(), text.to_owned()));
        }
        Role::Currency => found.currency = Some(text.to_uppercase()),
        Role::Nature => {
            notice.nature = notice.nature.or_else(|| nature_of(text));
            if nature_of(text).is_none() {
                reading.keep(path, text);
            }
        }
        Role::Procedure => {
            notice.procedure_type = LEXICON.procedure(text).map(str::to_owned);
            reading.keep(path, text);
        }
        Role::Launch => {
            found.launch = found.launch.take().or_else(|| Some(text.to_owned()));
            window(notice, reading, around, path, text, WindowMeaning::Launch);
        }
        Role::Contract => window(notice, reading, around, path, text, WindowMeaning::Contract),
        Role::Start => window(notice, reading, around, path, text, WindowMeaning::Start),
        Role::End => window(notice, reading, around, path, text, WindowMeaning::End),
        Role::Duration => found.duration = Some((path.to_owned(), text.to_owned())),
        Role::Url => notice.url = reading.url(path, text).or(notice.url.take()),
        Role::Nuts => {
            if let Some(nuts) = reading.nuts(path, text) {
                push_new(&mut notice.places, place_of_nuts(nuts));
            }
        }
        Role::Published => {
            if let Some((day, _, Precision::Day)) = period::read(text, Near::default()) {
                notice.published_on = Some(day);
            } else {
                reading.issue(IssueCode::BadDate, path, text);
                reading.keep(path, text);
            }
        }
        // A contact is a person; a running number says nothing.
        Role::Contact | Role::Row => {}
        Role::Value | Role::Budget | Role::Funding | Role::Status | Role::Note | Role::NoPlan | Role::Keep => {
            reading.keep(path, text);
        }
    }
}

/// Gives runs of 7 digits the zero back that they lost at their end.
fn uncut(text: &str) -> String {
    let mut whole = String::with_capacity(text.len() + 8);
    let mut run = 0;
    for c in text.chars().chain(std::iter::once(' ')) {
        if c.is_ascii_digit() {
            run += 1;
        } else {
            if run == 7 {
                whole.push('0');
            }
            run = 0;
        }
        whole.push(c);
    }
    whole.pop();
    whole
}

fn window(notice: &mut Notice, reading: &mut Reading, around: &Around, path: &str, text: &str, meaning: WindowMeaning) {
    let near = Near { year: around.year, language: around.language.as_deref() };
    let found = period::read(text, near);
    if let Some((from, to, precision)) = found {
        push_new(&mut notice.planned, Window { from, to, precision, meaning });
    } else if !period::is_none(text) {
        reading.issue(IssueCode::BadDate, path, text);
    }
    if found.is_none_or(|(_, _, precision)| precision != Precision::Day) {
        reading.keep(path, text);
    }
}

fn buyers(notice: &mut Notice, found: &mut Found, around: &Around) {
    let of = |name: String, roles: Vec<Party>| Organisation {
        name: Some(name),
        country: around.country.clone(),
        roles,
        ..Organisation::default()
    };
    let mut buyer = std::mem::take(&mut found.buyer);
    if buyer.name.is_some() || buyer.id.is_some() {
        buyer.country.clone_from(&around.country);
        buyer.roles = vec![Party::Buyer];
        notice.buyers.push(buyer);
    }
    let first = notice.buyers.first().and_then(|buyer| buyer.name.clone());
    for (name, role) in [(found.on_behalf.take(), Party::OnBehalf), (found.central.take(), Party::CentralPurchasing)] {
        if let Some(name) = name.filter(|name| Some(name) != first.as_ref()) {
            notice.buyers.push(of(name, vec![Party::Buyer, role]));
        }
    }
}

fn amounts(notice: &mut Notice, found: &Found, reading: &mut Reading, plan: &Plan, around: &Around) {
    let layout = plan.layout.map(|layout| Decimal::from(layout.multiplier));
    let read = |path: &str, text: &str| {
        let column = layout.or_else(|| band::factor(path)).unwrap_or(Decimal::ONE);
        band::read(text, column, around.typed)
    };
    let currency_of = |path: &str, text: &str| {
        let said = currency_named(text).or_else(|| found.currency.clone()).or_else(|| currency_named(path));
        said.or_else(|| around.currency.clone())
    };
    let vat_of = |path: &str, text: &str| LEXICON.vat(text).or_else(|| LEXICON.vat(path)).unwrap_or(Vat::Unknown);
    let mut exact = None;
    if let Some((path, text, kind)) = &found.value {
        let (currency, vat) = (currency_of(path, text), vat_of(path, text));
        let band = read(path, text);
        match band.map(Band::exact) {
            Some(Some(number)) => exact = Some((path.clone(), number, *kind, currency, vat)),
            Some(None) => {
                // A band is no amount: both ends are kept, and the field stays empty.
                let end = |end: Option<Decimal>| end.map(|end| end.to_string());
                let (low, high) = (end(band.and_then(|band| band.low)), end(band.and_then(|band| band.high)));
                reading.keep("value-band", json!({ "low": low, "high": high, "currency": currency, "vat": vat }));
            }
            None if period::is_none(text) => {}
            None => reading.issue(IssueCode::BadAmount, path, text),
        }
        if exact.is_none() {
            reading.keep(path.as_str(), text.as_str());
        }
    }
    // The years' amounts stand in for a total that is not given, or given as zero.
    if exact.as_ref().is_none_or(|(_, number, ..)| number.is_zero()) {
        let years = found.parts.iter().filter_map(|(path, text)| Some((path, text, read(path, text)?.exact()?)));
        let mut sum = Decimal::ZERO;
        let mut first = None;
        for (path, text, number) in years {
            first = first.or(Some((path, text)));
            sum = sum.checked_add(number).unwrap_or(sum);
        }
        if let Some((path, text)) = first
            && !sum.is_zero()
        {
            exact =
                Some((path.clone(), sum.normalize(), MoneyKind::Budget, currency_of(path, text), vat_of(path, text)));
            reading.keep("estimated_value", "the sum of the amounts by year");
        }
    }
    if let Some((path, number, kind, currency, vat)) = exact {
        notice.estimated_value = reading.amount(&path, &number.to_string(), currency.as_deref(), kind, vat);
    }
}

/// How long the contract is to run: a number of months where nothing else is said.
fn duration(notice: &mut Notice, found: &Found, reading: &mut Reading, around: &Around) {
    let Some((path, text)) = &found.duration else { return };
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let words = plain(&format!("{path} {text}"));
    let has = |starts: &[&str]| words.split(' ').any(|word| starts.iter().any(|start| word.starts_with(start)));
    let unit = if has(&["month", "mois", "mes", "luni", "miesi", "mjesec", "men", "kuu", "monat", "maned", "kk"]) {
        Some("MONTH")
    } else if has(&["year", "an", "lat", "rok", "god", "met", "aasta", "jahr", "vuo", "leto", "let"]) {
        Some("YEAR")
    } else if has(&["day", "jour", "dni", "zile", "dan", "dien", "paev", "tag", "giorn", "dia"]) {
        Some("DAY")
    } else {
        None
    };
    reading.keep(path.as_str(), text.as_str());
    let others = text.chars().filter(char::is_ascii_digit).count() > digits.len();
    // The Italian template asks for months without saying so in the cell.
    let unit = unit.or_else(|| (around.language.as_deref() == Some("it")).then_some("MONTH"));
    if let (Ok(amount), Some(unit), false) = (digits.parse(), unit, others) {
        let mut lot = Lot::new("1", LotKind::Part);
        lot.duration = Some(Duration { amount: Some(amount), unit: Some(unit.to_owned()), ..Duration::default() });
        notice.lots.push(lot);
    }
}

fn identity(
    notice: &mut Notice,
    found: &Found,
    reading: &mut Reading,
    around: &Around,
    seen: &mut HashMap<String, u32>,
) {
    let source = notice.source.clone();
    let plan = found.plan.as_ref().or(around.plan.as_ref());
    let clean = |text: &str| text.split_whitespace().collect::<Vec<_>>().join("_");
    let published = match (&found.id, plan, &found.local) {
        (Some(id), _, _) => Some(clean(id)),
        (None, Some(plan), Some(local)) => Some(format!("{}/{}", clean(plan), clean(local))),
        _ => None,
    };
    let key = published.clone().unwrap_or_else(|| {
        let mut key = String::new();
        for buyer in notice.buyers.iter().take(1) {
            key += &plain(buyer.id.as_ref().or(buyer.name.as_ref()).map_or("", String::as_str));
        }
        let year = around.year.or_else(|| notice.planned.first().map(|window| window.from.year()));
        // Writing to a string cannot fail.
        write!(key, "\n{}\n", year.unwrap_or(0)).expect("a string takes what is written");
        let (title, cpv) = (text_key(&notice.title), notice.cpv.join(" "));
        key += &found.local.as_deref().map_or_else(|| format!("{title}\n{cpv}"), plain);
        let hash = RawId::of(key.as_bytes()).to_string();
        format!("plan-{}", &hash[..16])
    });
    let times = seen.entry(key.clone()).or_default();
    *times += 1;
    let local = if *times == 1 { key } else { format!("{key}-{times}") };
    if *times > 1 && published.is_some() {
        reading.issue(IssueCode::DuplicateId, "id", &local);
    }
    notice.id = NoticeId::new(format!("{source}/{local}"));
    notice.publication_id = published.filter(|_| *times == 1);
}

fn text_key(text: &Text) -> String {
    text.first().map(|(_, text)| plain(text)).unwrap_or_default()
}

/// `&#39;` and the like in a table that was written from a web page; `None` when there are none.
fn entities(text: &str) -> Option<String> {
    const NAMED: &[(&str, char)] = &[
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("pound", '£'),
        ("euro", '€'),
    ];
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    while let Some(at) = rest.find('&') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = after[1..].split(';').next().filter(|name| name.len() <= 8 && name.len() + 1 < after.len());
        let character = name.and_then(|name| match name.strip_prefix('#') {
            Some(number) => {
                let hex = number.strip_prefix(['x', 'X']);
                let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
                code.and_then(char::from_u32).filter(|c| !c.is_control())
            }
            None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, character)| *character),
        });
        if let (Some(name), Some(character)) = (name, character) {
            out.push(character);
            rest = &after[name.len() + 2..];
            changed = true;
        } else {
            out.push('&');
            rest = &after[1..];
        }
    }
    out.push_str(rest);
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::{entities, uncut};

    #[test]
    fn codes_get_their_last_zero_back() {
        assert_eq!(uncut("33182300|3318221"), "33182300|33182210");
        assert_eq!(uncut(""), "");
    }

    #[test]
    fn entities_are_written_out_and_other_signs_stay() {
        assert_eq!(entities("Pacemakers &amp; ICD&#39;s &#x20AC;5").as_deref(), Some("Pacemakers & ICD's €5"));
        for text in ["R&D", "a & b; c", "&unknown;", "&#0;", "&", ""] {
            assert_eq!(entities(text), None, "{text}");
        }
    }
}
