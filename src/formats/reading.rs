//! Written values → values of the notice, with the findings that come up on the way; shared by every format that
//! is not eForms. A value that cannot be read is absent and leaves a finding; what has no home is kept in `extra`.
//!
//! Paths are the source's own (`/FORM_SECTION/…`, `releases[3].tender.value`), written out only for a finding. No format is
//! known here.

mod day;
mod number;

use std::borrow::Cow;
use std::fmt::Display;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde_json::Value;

pub use self::day::{Order, read as day_in};
pub use self::number::{Style, currency as currency_in, read as number_in};
use super::{privacy, xml};
use crate::codes;
use crate::ids::NoticeId;
use crate::issue::{Issue, IssueCode};
use crate::notice::{
    Amount, Deadline, Extra, Joint, Moment, Money, MoneyKind, Nature, Notice, Organisation, Place, Role, Stage, Text,
    Vat,
};
use crate::raw::RawDocument;

/// Findings on one notice; a broken document must not fill the store.
const MAX_ISSUES: usize = 500;
/// Different values in one list: bounds the work on hostile documents.
pub const MAX_LIST: usize = 5000;
/// Notices are younger and plans end sooner than this.
const FIRST_DAY: Date = date(1980, 1, 1);
const LAST_DAY: Date = date(2100, 1, 1);

/// What is known while one notice is read.
pub struct Reading {
    /// ISO 639-1 of the notice, if it or its source declares one; texts without a language of their own get it.
    pub language: Option<String>,
    /// For dates that say no offset.
    pub zone: TimeZone,
    /// How its numbers are written.
    pub numbers: Style,
    /// How its dates are written.
    pub dates: Order,
    /// The language that the document as a whole shows, where nothing declares one: see [`language_in`].
    pub guessed: Option<&'static str>,
    issues: Vec<Issue>,
    extra: Extra,
}

/// How much of a text is looked at to tell its language.
const DETECT: usize = 600;

/// ISO 639-1 of the language that a text is reliably in; its first characters are enough.
pub fn language_in(text: &str) -> Option<&'static str> {
    let head = text.char_indices().nth(DETECT).map_or(text, |(at, _)| &text[..at]);
    let found = whatlang::detect(head).filter(whatlang::Info::is_reliable)?;
    codes::language(found.lang().code())
}

impl Reading {
    /// A reader of values with a decimal point and the day before the month, in this zone.
    pub fn new(zone: TimeZone) -> Self {
        Self {
            language: None,
            zone,
            numbers: Style::Point,
            dates: Order::DayFirst,
            guessed: None,
            issues: Vec::new(),
            extra: Extra::new(),
        }
    }

    /// Notes a finding. The same code with the same value is noted once, at its first place.
    pub fn issue(&mut self, code: IssueCode, path: &(impl Display + ?Sized), value: &str) {
        let value = privacy::mask(value);
        let shown = Issue::shown(&value);
        if self.issues.iter().any(|known| known.code == code && known.value == shown && !shown.is_empty()) {
            return;
        }
        match self.issues.len() {
            ..MAX_ISSUES => self.issues.push(Issue::new(code, path.to_string(), shown)),
            MAX_ISSUES => self.issues.push(Issue::new(IssueCode::Truncated, "issues", "")),
            _ => {}
        }
    }

    /// Keeps a value that has no home in the notice, without contact data.
    pub fn keep(&mut self, path: impl Into<Box<str>>, value: impl Into<Value>) {
        if self.extra.len() < MAX_LIST {
            self.extra.insert(path.into(), masked(value.into()));
        }
    }

    /// Keeps a text as one line; whether there is one.
    pub fn keep_line(&mut self, path: &(impl Display + ?Sized), text: Option<&str>) -> bool {
        let line = text.and_then(|text| self.line(text));
        let is_line = line.is_some();
        if let Some(line) = line.filter(|_| self.extra.len() < MAX_LIST) {
            self.extra.insert(path.to_string().into(), Value::String(line));
        }
        is_line
    }

    /// Keeps one of several values, each once.
    pub fn keep_in_list(&mut self, path: &str, value: &str) {
        let value = privacy::mask(value);
        match self.extra.get_mut(path) {
            Some(Value::Array(list)) if list.len() < MAX_LIST && !list.iter().any(|known| *known == *value) => {
                list.push(Value::from(value.into_owned()));
            }
            Some(_) => {}
            None => {
                self.extra.insert(path.into(), Value::Array(vec![Value::from(value.into_owned())]));
            }
        }
    }

    /// One line of free text without contact data; `None` when there is nothing.
    pub fn line(&self, text: &str) -> Option<String> {
        let line = one_line(text);
        (!line.is_empty()).then(|| privacy::masked(line))
    }

    /// Adds free text without contact data. Its language is the one declared for it, else the notice's, else it is
    /// detected from the text, and that is a finding; `und` when nothing tells.
    pub fn text(&mut self, into: &mut Text, path: &(impl Display + ?Sized), language: Option<&str>, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let text = xml::line_ends(privacy::mask(text));
        match language.map(str::trim).filter(|code| !code.is_empty()) {
            Some(code) => into.push(&self.language_of(path, code), &text),
            None => match &self.language {
                Some(language) => into.push(language, &text),
                None => into.push(self.detect(path, &text), &text),
            },
        }
    }

    fn detect(&mut self, path: &(impl Display + ?Sized), text: &str) -> &'static str {
        let code = self.guessed.or_else(|| language_in(text)).unwrap_or("und");
        self.issue(IssueCode::GuessedLanguage, path, code);
        code
    }

    /// ISO 639-1 of a code such as `DE`, `deu`, `en-GB`; unknown ones as written, lower case, with a finding.
    pub fn language_of(&mut self, path: &(impl Display + ?Sized), code: &str) -> Cow<'static, str> {
        let primary = code.trim().split(['-', '_']).next().unwrap_or("");
        match codes::language(primary) {
            Some(known) => Cow::Borrowed(known),
            None => {
                self.issue(IssueCode::UnknownLanguage, path, code);
                Cow::Owned(primary.to_lowercase())
            }
        }
    }

    /// A date, with its time and offset as far as they are said. What is no date is a finding.
    pub fn moment(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<Moment> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let Some((moment, bad_time)) = day::read(text, self.dates) else {
            self.issue(IssueCode::BadDate, path, text);
            return None;
        };
        if !(FIRST_DAY..LAST_DAY).contains(&moment.date) {
            self.issue(IssueCode::ImplausibleDate, path, text);
            self.keep(path.to_string(), text);
            return None;
        }
        if bad_time {
            self.issue(IssueCode::BadTime, path, text);
        }
        Some(moment)
    }

    /// A calendar date as printed.
    pub fn date(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<Date> {
        self.moment(path, text).map(|moment| moment.date)
    }

    /// The end of a period, in its own offset or in the reading's zone.
    pub fn deadline(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<Deadline> {
        let moment = self.moment(path, text)?;
        Deadline::from_moment(moment, &self.zone)
    }

    /// An amount. A number without a currency, or no number at all, is a finding and is kept in `extra`.
    pub fn amount(
        &mut self,
        path: &(impl Display + ?Sized),
        number: &str,
        currency: Option<&str>,
        kind: MoneyKind,
        vat: Vat,
    ) -> Option<Amount> {
        let number = number.trim();
        if number.is_empty() {
            return None;
        }
        let Some(amount) = number::read(number, self.numbers).filter(|amount| !amount.is_sign_negative()) else {
            self.issue(IssueCode::BadAmount, path, number);
            self.keep(path.to_string(), number);
            return None;
        };
        let written = currency.map(str::trim).filter(|code| !code.is_empty());
        let upper = |code: &str| if is_upper(code) { code.to_owned() } else { code.to_uppercase() };
        let Some(currency) = written.map(upper).or_else(|| number::currency(number)) else {
            self.issue(IssueCode::MissingCurrency, path, number);
            self.keep(path.to_string(), number);
            return None;
        };
        if amount <= rust_decimal::Decimal::ONE {
            self.issue(IssueCode::PlaceholderValue, path, number);
        }
        if !codes::is_currency(&currency) {
            self.issue(IssueCode::UnknownCurrency, path, &currency);
        }
        Some(Amount::Known(Money { amount, currency, kind, vat }))
    }

    /// The publisher masks this value.
    pub fn withheld(&mut self, path: &(impl Display + ?Sized), until: Option<Date>) -> Amount {
        self.issue(IssueCode::WithheldValue, path, "");
        Amount::Withheld { until }
    }

    /// A whole number.
    pub fn count(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<u32> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let number = number::read(text, self.numbers).and_then(|number| {
            (number.is_integer() && !number.is_sign_negative()).then(|| u32::try_from(number).ok()).flatten()
        });
        if number.is_none() {
            self.issue(IssueCode::BadNumber, path, text);
        }
        number
    }

    /// `true`, `yes`, `1`, `oui`, `tak` …
    pub fn flag(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<bool> {
        match lower(text.trim()).as_ref() {
            "" => None,
            "true" | "yes" | "y" | "1" | "oui" | "ja" | "tak" | "si" | "sí" | "sì" | "da" | "ano" | "áno" => {
                Some(true)
            }
            "false" | "no" | "n" | "0" | "non" | "nein" | "nie" | "nu" | "ne" | "nei" | "nej" | "nee" => Some(false),
            other => {
                self.issue(IssueCode::UnknownCode, path, other);
                None
            }
        }
    }

    /// ISO 3166-1 alpha-2 of a code (`EL` and `UK` too) or an English name; unknown ones as written, with a finding.
    pub fn country(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        match codes::country_of(text) {
            Some(country) => Some(country.iso2.clone()),
            None => {
                self.issue(IssueCode::UnknownCountry, path, text);
                Some(text.to_owned())
            }
        }
    }

    /// A NUTS code; codes outside the current list as written, with a finding.
    pub fn nuts(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<String> {
        let code = text.trim().to_uppercase();
        if code.is_empty() {
            return None;
        }
        if !codes::is_nuts(&code) {
            self.issue(IssueCode::UnknownNuts, path, &code);
        }
        Some(code)
    }

    /// CPV codes in a text that holds one or several, with or without check digit, unpadded, or mixed with words.
    /// When the text is not just one clean code it is kept in `extra`.
    pub fn cpv(&mut self, path: &(impl Display + ?Sized), text: &str) -> Vec<String> {
        let text = text.trim();
        if text.is_empty() {
            return Vec::new();
        }
        let found = codes::cpv_in(text);
        if found.is_empty() {
            self.issue(IssueCode::BadCpv, path, text);
        }
        if codes::cpv_digits(text).is_none() {
            self.keep_in_list(&path.to_string(), text);
        }
        for code in found.iter().filter(|code| codes::cpv_label(code).is_none()) {
            self.issue(IssueCode::UnknownCpv, path, code);
        }
        found
    }

    /// BT-23 from the words that publishers use for works, supplies and services.
    pub fn nature(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<Nature> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let found = nature_of(text);
        if found.is_none() {
            self.issue(IssueCode::UnknownCode, path, text);
        }
        found
    }

    /// A link; what is none is kept in `extra`.
    pub fn url(&mut self, path: &(impl Display + ?Sized), text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let link = link(text);
        if link.is_none() {
            self.keep(path.to_string(), text);
        }
        link
    }

    /// Hands findings and kept values over, and fills what follows from the rest: places, CPV codes and the deadline
    /// of lots, suppliers of awards, languages, signs of joint procurement; notes what every notice should have.
    pub fn finish(mut self, notice: &mut Notice) {
        for lot in &notice.lots {
            for code in &lot.cpv {
                push_new(&mut notice.cpv, code.clone());
            }
            for place in &lot.places {
                push_new(&mut notice.places, place.clone());
            }
        }
        if notice.deadline.is_none() {
            notice.deadline = notice.lots.iter().filter_map(|lot| lot.deadline.clone()).min_by_key(|d| d.at);
        }
        for award in &notice.awards {
            for supplier in &award.suppliers {
                push_new(&mut notice.suppliers, supplier.clone());
            }
        }
        if notice.languages.is_empty() {
            let spoken = notice.title.iter().chain(notice.description.iter()).map(|(language, _)| language.to_owned());
            for language in spoken.filter(|language| language != "und").collect::<Vec<_>>() {
                push_new(&mut notice.languages, language);
            }
        }
        if notice.joint.is_none() {
            notice.joint = joint(&notice.buyers);
        }
        if notice.title.is_empty() && notice.lots.iter().all(|lot| lot.title.is_empty()) {
            self.issue(IssueCode::MissingTitle, "title", "");
        }
        // Nobody buys in a project, a call for projects or news.
        let bought = !matches!(notice.stage, Stage::Project | Stage::Call | Stage::News);
        if notice.buyers.is_empty() && bought {
            self.issue(IssueCode::MissingBuyer, "buyers", "");
        }
        notice.issues.append(&mut self.issues);
        notice.extra.append(&mut self.extra);
        note_full_lists(notice);
    }
}

/// A list that has as many entries as are kept may have lost some: that is a finding.
pub fn note_full_lists(notice: &mut Notice) {
    let lists = [
        ("buyers", notice.buyers.len()),
        ("suppliers", notice.suppliers.len()),
        ("places", notice.places.len()),
        ("cpv", notice.cpv.len()),
        ("lots", notice.lots.len()),
        ("awards", notice.awards.len()),
        ("related", notice.related.len()),
        ("extra", notice.extra.len()),
    ];
    let mut full: Vec<String> =
        lists.iter().filter(|(_, length)| *length >= MAX_LIST).map(|(name, _)| (*name).to_owned()).collect();
    for (path, value) in &notice.extra {
        if value.as_array().is_some_and(|list| list.len() >= MAX_LIST) {
            full.push(format!("extra.{path}"));
        }
    }
    for path in full {
        notice.issues.push(Issue::new(IssueCode::Truncated, path, &format!("{MAX_LIST} entries or more")));
    }
}

/// Whether a text is in lower case and ASCII, as codes are: most need no other.
pub fn is_lower(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

fn is_upper(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase())
}

/// A text in lower case.
pub fn lower(text: &str) -> Cow<'_, str> {
    if is_lower(text) { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// An address of the web, with `https://` where it begins with `www.`.
pub fn link(text: &str) -> Option<String> {
    let bare = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let written = if bare { format!("https://{text}") } else { text.to_owned() };
    let url = url::Url::parse(&written).ok()?;
    // `http://name@host` is a mail address that somebody took for a link.
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty()).then_some(written)
}

/// A text on one line, with single blanks; not copied when it is written so.
fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let mut blank = false;
    let is_line = text.chars().all(|c| {
        let fits = !c.is_whitespace() || c == ' ' && !blank;
        blank = c == ' ';
        fits
    });
    if is_line { Cow::Borrowed(text) } else { Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")) }
}

/// The first number in a text, in this writing.
pub fn decimal(text: &str, style: Style) -> Option<rust_decimal::Decimal> {
    number::read(text, style)
}

/// A date as written, in any of the writings that publishers use; a time that is none counts as none.
pub fn written(text: &str, order: Order) -> Option<Moment> {
    day::read(text, order).map(|(moment, _)| moment)
}

/// The notice's id by the contract's rule: publication id, else UUID and version, else the document's hash and the
/// record's number in it, from 1.
pub fn notice_id(
    document: &RawDocument,
    publication_id: Option<&str>,
    uuid: Option<(&str, &str)>,
    number: usize,
) -> NoticeId {
    let source = &document.origin.source;
    NoticeId::new(match (publication_id.map(str::trim).filter(|id| !id.is_empty()), uuid) {
        (Some(id), _) if id.contains(char::is_whitespace) => {
            format!("{source}/{}", id.split_whitespace().collect::<Vec<_>>().join("_"))
        }
        (Some(id), _) => format!("{source}/{id}"),
        (None, Some((uuid, version))) => format!("{source}/{uuid}-{version}"),
        (None, None) => format!("{source}/{}#{number}", document.id),
    })
}

/// Several buyers, and what their roles say. A lone buyer without such a role is no joint procurement.
pub fn joint(buyers: &[Organisation]) -> Option<Joint> {
    let has = |role| buyers.iter().any(|buyer| buyer.roles.contains(&role));
    if buyers.len() < 2 && !has(Role::Lead) && !has(Role::CentralPurchasing) {
        return None;
    }
    let mut countries = Vec::new();
    for country in buyers.iter().filter_map(|buyer| buyer.country.as_ref()) {
        push_new(&mut countries, country.clone());
    }
    let signs = [
        (buyers.len() > 1, "several-buyers"),
        (has(Role::Lead), "lead-buyer"),
        (has(Role::CentralPurchasing), "central-purchasing"),
        (has(Role::OnBehalf), "on-behalf"),
    ];
    let evidence = signs.iter().filter(|(seen, _)| *seen).map(|(_, name)| (*name).to_owned()).collect();
    let cross_border = countries.len() > 1;
    Some(Joint { buyers: u32::try_from(buyers.len()).unwrap_or(u32::MAX), countries, cross_border, evidence })
}

/// Adds a value that is not there yet, up to a bound.
pub fn push_new<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if list.len() < MAX_LIST && !list.contains(&value) {
        put(list, value);
    }
}

/// Adds a value. Buyers, lots and awards are big, and most notices have one of each: the first gets room of its own size.
pub fn put<T>(list: &mut Vec<T>, value: T) {
    if list.is_empty() && size_of::<T>() > 64 {
        list.reserve_exact(1);
    }
    list.push(value);
}

/// A place from a NUTS code: its country is in its first letters.
pub fn place_of_nuts(nuts: String) -> Place {
    let country = nuts.get(..2).and_then(codes::country_of).map(|country| country.iso2.clone());
    Place { country, nuts: Some(nuts), region: None }
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(privacy::masked(text)),
        Value::Array(list) => Value::Array(list.into_iter().map(masked).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, masked(value))).collect()),
        other => other,
    }
}

/// Beginnings of the words for works, supplies and services, lower case, in the languages of the notices.
const NATURES: &[(&str, Nature)] = &[
    ("works", Nature::Works),
    ("work", Nature::Works),
    ("travaux", Nature::Works),
    ("bauleistung", Nature::Works),
    ("bauauftrag", Nature::Works),
    ("obras", Nature::Works),
    ("obra", Nature::Works),
    ("lavori", Nature::Works),
    ("robot", Nature::Works),
    ("roboty", Nature::Works),
    ("lucr", Nature::Works),
    ("empreitada", Nature::Works),
    ("bygge", Nature::Works),
    ("bygg", Nature::Works),
    ("строит", Nature::Works),
    ("строител", Nature::Works),
    ("έργα", Nature::Works),
    ("έργο", Nature::Works),
    ("darbai", Nature::Works),
    ("darbi", Nature::Works),
    ("stavebn", Nature::Works),
    ("urakka", Nature::Works),
    ("ehitus", Nature::Works),
    ("építés", Nature::Works),
    ("radovi", Nature::Works),
    ("gradnje", Nature::Works),
    ("werken", Nature::Works),
    ("goods", Nature::Supplies),
    ("supplies", Nature::Supplies),
    ("supply", Nature::Supplies),
    ("fourniture", Nature::Supplies),
    ("lieferung", Nature::Supplies),
    ("lieferauftrag", Nature::Supplies),
    ("lieferleistung", Nature::Supplies),
    ("suministro", Nature::Supplies),
    ("fornitur", Nature::Supplies),
    ("dostaw", Nature::Supplies),
    ("furniz", Nature::Supplies),
    ("fornecimento", Nature::Supplies),
    ("aquisição de bens", Nature::Supplies),
    ("aquisição de bens móveis", Nature::Supplies),
    ("locação de bens", Nature::Supplies),
    ("bens", Nature::Supplies),
    ("varekjøp", Nature::Supplies),
    ("varer", Nature::Supplies),
    ("vare", Nature::Supplies),
    ("достав", Nature::Supplies),
    ("προμήθει", Nature::Supplies),
    ("prekės", Nature::Supplies),
    ("prekes", Nature::Supplies),
    ("piegāde", Nature::Supplies),
    ("dodávk", Nature::Supplies),
    ("tovar", Nature::Supplies),
    ("tavar", Nature::Supplies),
    ("asjad", Nature::Supplies),
    ("árubeszerzés", Nature::Supplies),
    ("roba", Nature::Supplies),
    ("robe", Nature::Supplies),
    ("blago", Nature::Supplies),
    ("leveringen", Nature::Supplies),
    ("varor", Nature::Supplies),
    ("service", Nature::Services),
    ("services", Nature::Services),
    ("dienstleistung", Nature::Services),
    ("diensten", Nature::Services),
    ("servicio", Nature::Services),
    ("servizi", Nature::Services),
    ("usług", Nature::Services),
    ("uslug", Nature::Services),
    ("serviç", Nature::Services),
    ("aquisição de serviços", Nature::Services),
    ("tjeneste", Nature::Services),
    ("tjänst", Nature::Services),
    ("услуг", Nature::Services),
    ("υπηρεσί", Nature::Services),
    ("paslaug", Nature::Services),
    ("pakalpojum", Nature::Services),
    ("služb", Nature::Services),
    ("palvelu", Nature::Services),
    ("teenus", Nature::Services),
    ("szolgáltatás", Nature::Services),
    ("storitv", Nature::Services),
    ("servicii", Nature::Services),
    ("prestation", Nature::Services),
];

/// BT-23 of a word; the longest known beginning decides.
pub fn nature_of(text: &str) -> Option<Nature> {
    let text = text.trim().to_lowercase();
    let fitting = NATURES.iter().filter(|(start, _)| text.starts_with(start));
    fitting.max_by_key(|(start, _)| start.len()).map(|(_, nature)| *nature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpv_in_any_writing_is_normalised_and_the_original_kept() {
        let mut reading = Reading::new(TimeZone::UTC);
        assert_eq!(reading.cpv("a", "35613000-8"), ["35613000"]);
        assert_eq!(reading.cpv("b", "3311161|35815100-3, 35815100-3"), ["33111610", "35815100"]);
        assert_eq!(reading.cpv("c", "drones"), Vec::<String>::new());
        let codes: Vec<_> = reading.issues.iter().map(|issue| issue.code.as_str()).collect();
        assert_eq!(codes, ["bad-cpv"]);
        assert_eq!(reading.extra["b"], serde_json::json!(["3311161|35815100-3, 35815100-3"]));
    }

    #[test]
    fn a_list_that_takes_no_more_is_a_finding() {
        let mut reading = Reading::new(TimeZone::UTC);
        let source = crate::ids::SourceId::from("x");
        let digest = crate::ids::RawId::from_digest([0; 32]);
        let mut notice = Notice::new(NoticeId::new("x/1"), source, "x", digest, Stage::News);
        notice.title.push("en", "News");
        for number in 0..=MAX_LIST {
            push_new(&mut notice.cpv, format!("{number:08}"));
            reading.keep_in_list("codes", &number.to_string());
        }
        reading.finish(&mut notice);
        let found: Vec<(IssueCode, &str)> =
            notice.issues.iter().map(|issue| (issue.code, issue.path.as_str())).collect();
        assert_eq!(found, [(IssueCode::Truncated, "cpv"), (IssueCode::Truncated, "extra.codes")]);
    }

    #[test]
    fn amounts_need_a_number_and_a_currency() {
        let mut reading = Reading::new(TimeZone::UTC);
        let mut read = |number, currency| {
            let amount = reading.amount("v", number, currency, MoneyKind::Estimate, Vat::Unknown);
            amount.and_then(|amount| amount.known().map(|money| format!("{} {}", money.amount, money.currency)))
        };
        assert_eq!(read("1234.50", Some("EUR")).as_deref(), Some("1234.50 EUR"));
        assert_eq!(read("1e9999", Some("EUR")), None);
        assert_eq!(read("10", None), None);
        assert_eq!(read("-5", Some("EUR")), None);
        assert_eq!(read("100 PLN", None).as_deref(), Some("100 PLN"));
    }

    #[test]
    fn a_language_nobody_declares_is_detected_and_marked() {
        let mut reading = Reading::new(TimeZone::UTC);
        let mut text = Text::default();
        reading.text(
            &mut text,
            "t",
            None,
            "Dieses Verfahren betrifft die Lieferung von schusssicheren Westen für die Polizei",
        );
        assert_eq!(text.first().map(|(language, _)| language), Some("de"));
        assert_eq!(reading.issues[0].code, IssueCode::GuessedLanguage);
        reading.text(&mut text, "t", Some("en-GB"), "Ballistic vests");
        assert_eq!(text.get("en"), Some("Ballistic vests"));
    }

    #[test]
    fn a_mail_address_behind_http_is_no_link() {
        let mut reading = Reading::new(TimeZone::UTC);
        assert_eq!(reading.url("u", "www.example.org/a").as_deref(), Some("https://www.example.org/a"));
        assert_eq!(reading.url("w", "http://orders@example.org"), None);
        assert_eq!(reading.extra["w"], "http://[e-mail]");
    }

    #[test]
    fn words_for_the_nature() {
        for (word, nature) in
            [("Lieferungen", "supplies"), ("goods", "supplies"), ("Usługi", "services"), ("Roboty budowlane", "works")]
        {
            assert_eq!(nature_of(word).map(Nature::as_str), Some(nature), "{word}");
        }
    }
}
