//! Elements → values, with the findings that come up on the way. No block of the schema is known here.

use std::borrow::Cow;

use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value;

use super::names::El;
use crate::codes;
use crate::formats::reading::{MAX_LIST, link};
use crate::formats::{privacy, xml};
use crate::issue::{Issue, IssueCode};
use crate::notice::{Amount, Deadline, Extra, Moment, Money, MoneyKind, Text, Vat};

pub(super) type Node<'t> = xml::Node<'t, El>;

/// Findings on one notice; a broken document must not fill the store.
const MAX_ISSUES: usize = 500;
/// Where the publisher writes this, there is a value that may not be read.
const UNPUBLISHED: &str = "unpublished";
/// A masked date.
const MASKED_DATE: Date = date(1970, 1, 1);

/// What is known while a document is read: its official language, its findings, and what has no home.
pub(super) struct Reading<'t> {
    /// ISO 639-1 of BT-702; `und` when the notice does not say.
    pub official: &'t str,
    pub issues: Vec<Issue>,
    pub extra: Extra,
    languages: Vec<(&'t str, Cow<'static, str>)>,
}

/// Money elements: what they stand for, and where their masking is declared.
#[derive(Clone, Copy)]
pub(super) struct MoneyField {
    /// The BT number, for `extra`.
    pub bt: &'static str,
    pub kind: MoneyKind,
    pub vat: Vat,
    /// The `FieldIdentifierCode` that masks it; empty when it cannot be masked.
    pub privacy: &'static str,
}

impl<'t> Reading<'t> {
    pub fn new() -> Self {
        Self { official: "und", issues: Vec::new(), extra: Extra::new(), languages: Vec::new() }
    }

    /// Notes a finding at an element.
    pub fn issue(&mut self, code: IssueCode, node: Node<'_>, value: &str) {
        self.issue_at(code, value, || path(node));
    }

    /// Notes that something is not there.
    pub fn missing(&mut self, code: IssueCode, place: &str) {
        self.issue_at(code, "", || place.to_owned());
    }

    fn issue_at(&mut self, code: IssueCode, value: &str, path: impl FnOnce() -> String) {
        // The same stale code on a hundred lots is one finding, at its first place.
        let repeats = matches!(
            code,
            IssueCode::UnknownCode
                | IssueCode::UnknownCountry
                | IssueCode::UnknownCpv
                | IssueCode::UnknownCurrency
                | IssueCode::UnknownLanguage
                | IssueCode::UnknownNuts
                | IssueCode::UndeclaredLanguage
                | IssueCode::DanglingReference
                | IssueCode::Truncated
        );
        if repeats && self.issues.iter().any(|known| known.code == code && known.value == value) {
            return;
        }
        match self.issues.len() {
            ..MAX_ISSUES => self.issues.push(Issue::new(code, path(), &privacy::mask(value))),
            MAX_ISSUES => self.issues.push(Issue::new(IssueCode::Truncated, "issues", "")),
            _ => {}
        }
    }

    /// At most so many elements of a kind; the rest is cut, and that is a finding.
    pub fn bounded(&mut self, nodes: impl Iterator<Item = Node<'t>>, most: usize) -> Vec<Node<'t>> {
        let mut nodes: Vec<Node<'t>> = nodes.take(most + 1).collect();
        if nodes.len() > most
            && let Some(first) = nodes.pop()
        {
            self.issue(IssueCode::Truncated, first, "");
        }
        nodes
    }

    /// Keeps a value that has no home in the notice.
    pub fn keep(&mut self, key: &str, value: impl Into<Value>) {
        self.extra.insert(key.into(), value.into());
    }

    /// Keeps one of several values, each once.
    pub fn keep_in_list(&mut self, key: &str, value: &str) {
        let list = self.extra.entry(key.into()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = list
            && values.len() < MAX_LIST
            && !values.iter().any(|known| known == value)
        {
            values.push(Value::from(value));
        }
    }

    /// Keeps free text.
    pub fn keep_text(&mut self, key: &str, text: &Text) {
        if !text.is_empty() {
            let value = serde_json::to_value(text).expect("a map of strings is JSON");
            self.extra.insert(key.into(), value);
        }
    }

    /// The text of an element, unless it is empty or masked by the publisher.
    pub fn value(&mut self, node: Option<Node<'t>>) -> Option<&'t str> {
        let node = node?;
        match node.text() {
            "" => None,
            UNPUBLISHED => {
                self.issue(IssueCode::WithheldValue, node, UNPUBLISHED);
                None
            }
            text => Some(text),
        }
    }

    /// A line of free text in no particular language, without contact data.
    pub fn line(&mut self, node: Option<Node<'t>>) -> Option<String> {
        self.value(node).map(|text| privacy::mask(text).into_owned())
    }

    /// BT-505; what is no link is kept, without contact data.
    pub fn website(&mut self, node: Option<Node<'t>>) -> Option<String> {
        let text = self.value(node)?;
        let masked = privacy::mask(text);
        let link = link(text).filter(|_| masked == text);
        if link.is_none() {
            self.keep_in_list("BT-505", &masked);
        }
        link
    }

    /// A code of an eForms list; unknown ones are kept.
    pub fn code(&mut self, node: Option<Node<'t>>, list: &str) -> Option<&'t str> {
        let code = self.value(node)?;
        if let Some(node) = node
            && !codes::in_eforms_list(list, code)
        {
            self.issue(IssueCode::UnknownCode, node, code);
        }
        Some(code)
    }

    /// A code of an eForms list, unless it says `none`.
    pub fn telling_code(&mut self, node: Option<Node<'t>>, list: &str) -> Option<&'t str> {
        self.code(node, list).filter(|code| *code != "none")
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: Option<Node<'t>>) -> Option<bool> {
        match self.value(node)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            other => {
                if let Some(node) = node {
                    self.issue(IssueCode::UnknownCode, node, other);
                }
                None
            }
        }
    }

    /// A whole number; decimals with nothing behind the point are whole.
    pub fn count(&mut self, node: Option<Node<'t>>) -> Option<u32> {
        let text = self.value(node)?;
        let whole = text.split_once('.').map_or(
            text,
            |(whole, rest)| {
                if rest.bytes().all(|b| b == b'0') { whole } else { text }
            },
        );
        let node = node?;
        if whole == "-1" {
            self.issue(IssueCode::WithheldValue, node, text);
            return None;
        }
        let number = whole.parse().ok();
        if number.is_none() {
            self.issue(IssueCode::BadNumber, node, text);
        }
        number
    }

    /// ISO 639-1 of a language element or attribute; unknown codes as written, lower case.
    pub fn language(&mut self, node: Node<'_>, code: &'t str) -> Cow<'static, str> {
        if let Some((_, short)) = self.languages.iter().find(|(known, _)| *known == code) {
            return short.clone();
        }
        let short = codes::language(code).map_or_else(
            || {
                self.issue(IssueCode::UnknownLanguage, node, code);
                Cow::Owned(code.to_lowercase())
            },
            Cow::Borrowed,
        );
        if self.languages.len() < 100 {
            self.languages.push((code, short.clone()));
        }
        short
    }

    /// Free text per language, official language first, without contact data.
    pub fn text(&mut self, parent: Node<'t>, name: El) -> Text {
        let mut text = Text::default();
        for (number, node) in parent.all(name).enumerate() {
            if number == MAX_LIST {
                self.issue(IssueCode::Truncated, node, "");
                break;
            }
            let Some(value) = self.value(Some(node)) else { continue };
            // A carriage return written as `&#13;` would overwrite the line on a terminal.
            let value = xml::line_ends(Cow::Borrowed(value));
            match node.attribute("languageID") {
                Some(code) if !code.is_empty() => {
                    let language = self.language(node, code);
                    text.push(&language, &privacy::mask(&value));
                }
                _ => {
                    self.issue(IssueCode::UndeclaredLanguage, node, "");
                    text.push(self.official, &privacy::mask(&value));
                }
            }
        }
        text.put_first(self.official);
        text
    }

    /// A calendar date as printed.
    pub fn date(&mut self, node: Option<Node<'t>>) -> Option<Date> {
        self.moment(node, None).map(|moment| moment.date)
    }

    /// A date with the time of a second element; to the second.
    pub fn moment(&mut self, day: Option<Node<'t>>, clock: Option<Node<'t>>) -> Option<Moment> {
        let node = day?;
        let text = self.value(day)?;
        let time = clock.map(Node::text);
        let Some((mut moment, bad_time)) = Moment::parse(text, time) else {
            self.issue(IssueCode::BadDate, node, text);
            return None;
        };
        if moment.date == MASKED_DATE {
            self.issue(IssueCode::WithheldValue, node, text);
            return None;
        }
        if bad_time {
            self.issue(IssueCode::BadTime, clock.unwrap_or(node), time.unwrap_or(text));
        }
        moment.time = moment.time.and_then(|time| Time::new(time.hour(), time.minute(), time.second(), 0).ok());
        Some(moment)
    }

    /// The end of a period, in its own offset or in `zone`.
    pub fn deadline(&mut self, period: Option<Node<'t>>, zone: &TimeZone) -> Option<Deadline> {
        let period = period?;
        let moment = self.moment(period.first(El::EndDate), period.first(El::EndTime))?;
        Deadline::from_moment(moment, zone)
    }

    /// An amount, or the fact that it is withheld. `owner` holds the `FieldsPrivacy` of the field, if any.
    pub fn amount(&mut self, node: Option<Node<'t>>, owner: Node<'t>, field: MoneyField) -> Option<Amount> {
        let privacy = privacy_of(owner, field.privacy);
        let Some(node) = node else {
            // Nothing written but declared as masked.
            return privacy.map(|privacy| self.withheld(privacy, Some(privacy), ""));
        };
        let text = node.text();
        let amount = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok();
        let masked = text == UNPUBLISHED
            || amount.is_some_and(|amount| amount == Decimal::NEGATIVE_ONE)
            || (privacy.is_some() && amount.is_none_or(|amount| amount <= Decimal::ZERO));
        if masked {
            return Some(self.withheld(node, privacy, text));
        }
        let Some(amount) = amount.filter(|amount| *amount >= Decimal::ZERO) else {
            self.issue(if text.is_empty() { IssueCode::MissingRequired } else { IssueCode::BadAmount }, node, text);
            return None;
        };
        if amount <= Decimal::ONE {
            self.issue(IssueCode::PlaceholderValue, node, text);
        }
        let currency = node.attribute("currencyID").unwrap_or("");
        if currency.is_empty() || currency == UNPUBLISHED {
            self.issue(IssueCode::MissingCurrency, node, text);
            self.keep_in_list(field.bt, text);
            return None;
        }
        if !codes::is_currency(currency) {
            self.issue(IssueCode::UnknownCurrency, node, currency);
        }
        Some(Amount::Known(Money { amount, currency: currency.to_owned(), kind: field.kind, vat: field.vat }))
    }

    fn withheld(&mut self, node: Node<'_>, privacy: Option<Node<'t>>, text: &str) -> Amount {
        self.issue(IssueCode::WithheldValue, node, text);
        let until = privacy
            .and_then(|privacy| privacy.first(El::PublicationDate))
            .and_then(|node| Moment::parse(node.text(), None))
            .map(|(moment, _)| moment.date)
            .filter(|day| *day != MASKED_DATE);
        Amount::Withheld { until }
    }

    /// ISO 3166-1 alpha-2; unknown codes as written.
    pub fn country(&mut self, node: Option<Node<'t>>) -> Option<String> {
        let code = self.value(node)?;
        if let Some(country) = codes::country(code).filter(|country| !country.iso2.is_empty()) {
            return Some(country.iso2.clone());
        }
        self.issue(IssueCode::UnknownCountry, node?, code);
        Some(code.to_owned())
    }

    /// NUTS; codes outside the current list as written.
    pub fn nuts(&mut self, node: Option<Node<'t>>) -> Option<String> {
        let code = self.value(node)?;
        if !codes::is_nuts(code) {
            self.issue(IssueCode::UnknownNuts, node?, code);
        }
        Some(code.to_owned())
    }

    /// Eight digits; what is no CPV code is dropped.
    pub fn cpv(&mut self, node: Option<Node<'t>>) -> Option<&'t str> {
        let text = self.value(node)?;
        let Some(code) = codes::cpv_digits(text) else {
            self.issue(IssueCode::BadCpv, node?, text);
            return None;
        };
        if codes::cpv_label(code).is_none() {
            self.issue(IssueCode::UnknownCpv, node?, code);
        }
        Some(code)
    }
}

/// The `efac:FieldsPrivacy` (BT-195) of this field, directly inside its owner or in the owner's extension.
pub(super) fn privacy_of<'t>(owner: Node<'t>, field: &str) -> Option<Node<'t>> {
    if field.is_empty() {
        return None;
    }
    let is_it = |privacy: &Node<'t>| privacy.first(El::FieldIdentifierCode).is_some_and(|code| code.text() == field);
    owner
        .all(El::FieldsPrivacy)
        .find(is_it)
        .or_else(|| extensions(owner).flat_map(|extension| extension.all(El::FieldsPrivacy)).find(is_it))
}

/// The `efext:EformsExtension` elements of an element.
pub(super) fn extensions(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    node.all(El::UBLExtensions)
        .flat_map(|list| list.all(El::UBLExtension))
        .flat_map(|one| one.all(El::ExtensionContent))
        .flat_map(|content| content.all(El::EformsExtension))
}

/// The first element of this name in an element's extensions.
pub(super) fn extended(node: Node<'_>, name: El) -> Option<Node<'_>> {
    extensions(node).find_map(|extension| extension.first(name))
}

/// `/ContractNotice/cac:ProcurementProjectLot[2]/cbc:ID`.
fn path(node: Node<'_>) -> String {
    let lineage = node.lineage();
    let mut path = String::new();
    for (depth, step) in lineage.iter().enumerate() {
        // A path begins at the notice, whatever a publisher wraps around it.
        if step.name() == El::Foreign {
            continue;
        }
        path.push('/');
        path.push_str(step.name().qualified());
        if let Some(place) = depth.checked_sub(1).and_then(|above| step.position_in(lineage[above])) {
            path.extend(["[", &place.to_string(), "]"]);
        }
    }
    path
}
