//! One notice → one release of OCDS 1.1, with the extensions of the EU profile where OCDS itself has no place.
//!
//! `docs/ocds-export.md` lists the fields that come back when the release is read again, and what has no place.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

use crate::codes;
use crate::notice::{
    Amount, Award, Deadline, Duration, Lot, LotKind, Moment, MoneyKind, Nature, Notice, Organisation, Place, Relation,
    Role, Stage, Text, Vat,
};

/// Which extensions the releases use.
const EXTENSIONS: &[&str] = &[
    "tenderClassification",
    "lots",
    "techniques",
    "legalBasis",
    "otherRequirements",
    "coveredBy",
    "organizationClassification",
    "partyScale",
    "location",
];

/// For notices without an ocid: no registered prefix, so that nobody takes it for a publisher's.
const PREFIX: &str = "ocds-000000";

/// What stands before the first release.
pub(super) fn begin(out: &mut impl Write, now: Timestamp) -> io::Result<()> {
    let extensions: Vec<String> = EXTENSIONS
        .iter()
        .map(|name| {
            format!(
                "https://raw.githubusercontent.com/open-contracting-extensions/ocds_{name}_extension/master/extension.json"
            )
        })
        .collect();
    let head = json!({
        "version": "1.1",
        "extensions": extensions,
        "publishedDate": now.to_string(),
        "publisher": {"name": "tenderwatch"},
    });
    let text = head.to_string();
    write!(out, "{},\"releases\":[", text.strip_suffix('}').unwrap_or(&text))
}

/// An object without what is empty.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if !empty {
            self.0.insert(key.to_owned(), value);
        }
    }

    /// The first language in the field itself, the others under its name with their suffix.
    fn text(&mut self, field: &str, text: &Text, official: Option<&str>) {
        let plain = official.filter(|language| text.get(language).is_some());
        for (language, entry) in text.iter() {
            // `und` is no language tag; such a text goes where the reader expects the release's language.
            let is_plain = plain.map_or(official.is_none() && self.0.get(field).is_none(), |plain| plain == language);
            let is_plain = is_plain || language == "und";
            if is_plain { self.set(field, entry) } else { self.set(&format!("{field}_{language}"), entry) }
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// The release.
pub(super) fn release(notice: &Notice) -> Value {
    let mut parties = Parties::default();
    let buyers: Vec<Value> = notice.buyers.iter().map(|buyer| parties.add(buyer, "buyer", official(notice))).collect();
    let ocid = ocid(notice);
    let mut release = Object::default();
    release.set("id", release_id(notice, &ocid));
    release.set("date", date(notice));
    release.set("language", official(notice));
    release.set("tag", tags(notice));
    release.set("initiationType", "tender");
    release.set("buyer", buyers.into_iter().next().unwrap_or_default());
    release.set("planning", planning(notice));
    release.set("tender", tender(notice, &ocid));
    release.set("awards", awards(notice, &mut parties));
    release.set("contracts", contracts(notice));
    if notice.awards.iter().all(|award| award.suppliers.is_empty()) {
        for supplier in &notice.suppliers {
            parties.add(supplier, "supplier", official(notice));
        }
    }
    release.set("parties", parties.list);
    release.set("relatedProcesses", related(notice));
    release.set("ocid", ocid);
    release.into()
}

/// The language of what has no suffix: the notice's own, else that of its first text.
fn official(notice: &Notice) -> Option<&str> {
    let first = |text: &'_ Text| text.first().map(|(language, _)| language.to_owned());
    match notice.official_language() {
        Some(language) => Some(language),
        None => first(&notice.title).or_else(|| first(&notice.description)).and_then(|code| codes::language(&code)),
    }
}

fn local_id(notice: &Notice) -> &str {
    notice.id.as_str().split_once('/').map_or(notice.id.as_str(), |(_, local)| local)
}

fn ocid(notice: &Notice) -> String {
    match (&notice.ocid, &notice.procedure_id) {
        (Some(ocid), _) => ocid.clone(),
        (None, Some(procedure)) => format!("{PREFIX}-{}-{procedure}", notice.source),
        (None, None) => format!("{PREFIX}-{}-{}", notice.source, local_id(notice)),
    }
}

fn release_id(notice: &Notice, ocid: &str) -> String {
    let id = notice.publication_id.as_deref().unwrap_or_else(|| local_id(notice));
    let inside = id.strip_prefix(ocid).and_then(|rest| rest.strip_prefix('/'));
    inside.filter(|rest| !rest.is_empty()).unwrap_or(id).to_owned()
}

fn date(notice: &Notice) -> String {
    let moment = |moment: &Moment| {
        let (time, offset) = (moment.time.is_some(), moment.offset.is_some());
        let day = Moment { offset: None, ..*moment }.to_string();
        match (time, offset) {
            (true, true) => moment.to_string(),
            (true, false) => format!("{day}Z"),
            (false, _) => format!("{day}T00:00:00Z"),
        }
    };
    match (notice.published_on, notice.dispatched_at.as_ref(), notice.first_seen) {
        (Some(day), ..) => at_midnight(day),
        (None, Some(dispatched), _) => moment(dispatched),
        (None, None, Some(seen)) => seen.to_string(),
        // Required by the schema; nobody reads it as a date of publication.
        (None, None, None) => "1970-01-01T00:00:00Z".to_owned(),
    }
}

fn at_midnight(day: Date) -> String {
    format!("{day}T00:00:00Z")
}

fn tags(notice: &Notice) -> Vec<&'static str> {
    let contracts = notice.awards.iter().any(|award| award.contract_id.is_some());
    match (notice.stage, notice.correction) {
        (Stage::Planning | Stage::Consultation | Stage::PlanItem | Stage::Project | Stage::News, false) => {
            vec!["planning"]
        }
        (Stage::Planning | Stage::Consultation | Stage::PlanItem | Stage::Project | Stage::News, true) => {
            vec!["planningUpdate"]
        }
        (Stage::Competition | Stage::Call, false) => vec!["tender"],
        (Stage::Competition | Stage::Call, true) | (Stage::Change, _) => vec!["tenderUpdate"],
        (Stage::Result | Stage::DirectAward, false) if contracts => vec!["award", "contract"],
        (Stage::Result | Stage::DirectAward, true) if contracts => vec!["awardUpdate", "contractUpdate"],
        (Stage::Result | Stage::DirectAward, false) => vec!["award"],
        (Stage::Result | Stage::DirectAward, true) => vec!["awardUpdate"],
        (Stage::Modification, _) => vec!["contractAmendment"],
        (Stage::Completion, _) => vec!["contractTermination"],
        (Stage::Cancellation, _) => vec!["tenderCancellation"],
    }
}

/// Parties with ids inside the release.
#[derive(Default)]
struct Parties {
    list: Vec<Value>,
    known: Vec<(Organisation, &'static str)>,
}

impl Parties {
    /// The reference to a party, which is listed once per role.
    fn add(&mut self, organisation: &Organisation, role: &'static str, official: Option<&str>) -> Value {
        let known = self.known.iter().position(|(known, other)| known == organisation && *other == role);
        let at = known.unwrap_or_else(|| {
            self.known.push((organisation.clone(), role));
            let party = party(organisation, role, self.known.len(), official);
            self.list.push(party);
            self.known.len() - 1
        });
        let mut reference = Object::default();
        reference.set("id", format!("org-{}", at + 1));
        reference.set("name", organisation.name.as_deref());
        reference.into()
    }
}

fn party(organisation: &Organisation, role: &str, number: usize, official: Option<&str>) -> Value {
    let mut identifier = Object::default();
    identifier.set("scheme", organisation.scheme.as_deref());
    identifier.set("id", organisation.id.as_deref());
    let mut address = Object::default();
    address.set("locality", organisation.city.as_deref());
    address.set("region", organisation.nuts.as_deref());
    set_country(&mut address, organisation.country.as_deref());
    let mut details = Object::default();
    details.set("url", organisation.website.as_deref());
    let scale = if organisation.natural_person { Some("selfEmployed") } else { organisation.size.as_deref() };
    details.set("scale", scale);
    let classifications = [
        ("eu-buyer-legal-type", organisation.legal_type.as_deref()),
        ("eu-main-activity", organisation.activity.as_deref()),
    ];
    let said = classifications.iter().filter_map(|(scheme, id)| Some(json!({"scheme": scheme, "id": (*id)?})));
    details.set("classifications", said.collect::<Vec<_>>());
    let mut roles = vec![role];
    for known in &organisation.roles {
        match known {
            Role::Lead => roles.push("leadBuyer"),
            Role::CentralPurchasing => roles.push("centralPurchasingBody"),
            Role::Buyer | Role::OnBehalf => {}
        }
    }
    let mut party = Object::default();
    party.set("id", format!("org-{number}"));
    party.set("name", organisation.name.as_deref());
    for (language, name) in organisation.names.iter().filter(|(language, _)| Some(*language) != official) {
        party.set(&format!("name_{language}"), name);
    }
    party.set("identifier", identifier);
    party.set("address", address);
    party.set("roles", roles);
    party.set("details", details);
    party.into()
}

/// `country` is a code of a closed list, `countryName` free text.
fn set_country(address: &mut Object, country: Option<&str>) {
    let Some(code) = country else { return };
    match codes::country(code).filter(|_| code.len() == 2) {
        Some(known) => {
            address.set("country", code);
            address.set("countryName", known.name.as_str());
        }
        None => address.set("countryName", code),
    }
}

fn planning(notice: &Notice) -> Value {
    let mut budget = Object::default();
    if notice.estimated_value.as_ref().and_then(Amount::known).is_some_and(|money| money.kind == MoneyKind::Budget) {
        budget.set("amount", amount(notice.estimated_value.as_ref()));
    }
    if notice.eu_funding.as_ref().is_some_and(|funding| funding.funded == Some(true)) {
        budget.set("finance", json!([{"id": "1", "financingParty": {"name": "European Union"}}]));
    }
    let mut planning = Object::default();
    planning.set("budget", budget);
    planning.into()
}

/// Money as a number, without a currency that the schema does not know. Withheld amounts have no place.
fn amount(amount: Option<&Amount>) -> Value {
    let mut value = Object::default();
    if let Some(money) = amount.and_then(Amount::known)
        && has_code(&money.currency)
        && let Some(number) = number(money.amount)
    {
        value.set("amount", number);
        value.set("currency", money.currency.as_str());
        match money.vat {
            Vat::In => value.set("valueAddedTaxIncluded", true),
            Vat::Ex => value.set("valueAddedTaxIncluded", false),
            Vat::Unknown => {}
        }
    }
    value.into()
}

/// The schema's list is closed: it has currencies that are no longer money, and lacks the two youngest.
fn has_code(currency: &str) -> bool {
    const PAST: &[&str] = &[
        "ATS", "BEF", "BGN", "CYP", "DEM", "EEK", "ESP", "FIM", "FRF", "GRD", "HRK", "IEP", "ITL", "LTL", "LUF", "LVL",
        "MTL", "NLG", "PTE", "ROL", "SIT", "SKK",
    ];
    PAST.contains(&currency) || codes::is_currency(currency) && !matches!(currency, "SLE" | "XCG")
}

fn number(amount: Decimal) -> Option<Value> {
    if amount.is_integer()
        && let Some(whole) = amount.to_i64()
    {
        return Some(Value::from(whole));
    }
    amount.normalize().to_string().parse::<f64>().ok().map(Value::from)
}

/// The method of OCDS and the label of the eForms code.
const PROCEDURES: &[(&str, &str, &str)] = &[
    ("open", "open", "Open procedure"),
    ("restricted", "selective", "Restricted procedure"),
    ("neg-w-call", "selective", "Negotiated with prior publication of a call for competition"),
    ("comp-dial", "selective", "Competitive dialogue"),
    ("innovation", "selective", "Innovation partnership"),
    ("neg-wo-call", "limited", "Negotiated without prior call for competition"),
    ("oth-single", "open", "Other single stage procedure"),
    ("oth-mult", "selective", "Other multiple stage procedure"),
    ("comp-tend", "open", "Competitive tendering (article 5(3) of Regulation 1370/2007)"),
    ("exp-int-rail", "open", "Request for expression of interest (article 5(3b) of Regulation 1370/2007)"),
];

fn tender(notice: &Notice, ocid: &str) -> Value {
    let mut tender = Object::default();
    let kept = |key: &str| notice.extra.get(key).and_then(Value::as_str);
    tender.set("id", kept("tender.id").unwrap_or(ocid));
    tender.text("title", &notice.title, official(notice));
    tender.text("description", &notice.description, official(notice));
    tender.set(
        "status",
        match notice.stage {
            Stage::Planning | Stage::Consultation | Stage::PlanItem => "planned",
            Stage::Cancellation => "cancelled",
            Stage::Competition | Stage::Call | Stage::Change => "active",
            _ => "complete",
        },
    );
    if let Some((_, method, label)) =
        notice.procedure_type.as_ref().and_then(|code| PROCEDURES.iter().find(|(known, ..)| known == code))
    {
        tender.set("procurementMethod", *method);
        tender.set("procurementMethodDetails", kept("tender.procurementMethodDetails").unwrap_or(label));
    }
    tender.set("mainProcurementCategory", category(notice.nature));
    if notice.estimated_value.as_ref().and_then(Amount::known).is_some_and(|money| money.kind != MoneyKind::Budget) {
        tender.set("value", amount(notice.estimated_value.as_ref()));
    }
    let mut classes = notice.cpv.iter().map(|code| json!({"scheme": "CPV", "id": code}));
    tender.set("classification", classes.next().unwrap_or_default());
    tender.set("additionalClassifications", classes.collect::<Vec<_>>());
    tender.set("tenderPeriod", period(notice.deadline.as_ref()));
    let of_lots: Vec<&Place> = notice.lots.iter().flat_map(|lot| &lot.places).collect();
    let own = notice.places.iter().filter(|place| !of_lots.contains(place));
    tender.set("deliveryAddresses", own.map(address).collect::<Vec<_>>());
    tender.set("documents", documents(notice));
    if let Some(basis) = &notice.legal_basis {
        tender.set("legalBasis", json!({"scheme": "CELEX", "id": basis}));
    }
    tender.set("techniques", techniques(notice));
    lots(notice, &mut tender);
    if let [Award { tenders_received: Some(count), .. }] = &notice.awards[..] {
        tender.set("numberOfTenderers", *count);
    }
    let amended = notice.related.iter().filter(|related| related.relation == Relation::Changes).enumerate();
    let amended = amended.map(|(at, related)| json!({"id": (at + 1).to_string(), "amendsReleaseID": related.id}));
    tender.set("amendments", amended.collect::<Vec<_>>());
    tender.into()
}

fn category(nature: Option<Nature>) -> Option<&'static str> {
    nature.map(|nature| match nature {
        Nature::Works => "works",
        Nature::Supplies => "goods",
        Nature::Services => "services",
    })
}

fn period(deadline: Option<&Deadline>) -> Value {
    let mut period = Object::default();
    if let Some(deadline) = deadline {
        let local = deadline.offset.to_datetime(deadline.at);
        let end = Moment { date: local.date(), time: Some(local.time()), offset: Some(deadline.offset) };
        period.set("endDate", end.to_string());
    }
    period.into()
}

fn address(place: &Place) -> Value {
    let mut address = Object::default();
    address.set("region", place.nuts.as_deref());
    set_country(&mut address, place.country.as_deref());
    address.into()
}

/// The notice's page and the tender documents, where their addresses are ones by RFC 3986.
fn documents(notice: &Notice) -> Vec<Value> {
    let kind = match notice.stage {
        Stage::Result | Stage::DirectAward | Stage::Modification | Stage::Completion => "awardNotice",
        _ => "tenderNotice",
    };
    [("notice", kind, &notice.url), ("documents", "biddingDocuments", &notice.documents_url)]
        .into_iter()
        .filter_map(|(id, kind, url)| {
            let url = url.as_deref().filter(|url| is_uri(url))?;
            Some(json!({"id": id, "documentType": kind, "url": url}))
        })
        .collect()
}

/// `format: uri` of the schema is stricter than what browsers open.
fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let allowed = |(at, byte): (usize, &u8)| match byte {
        b'%' => hex(at + 1) && hex(at + 2),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(byte),
    };
    text.matches('#').count() <= 1
        && bytes.iter().enumerate().all(allowed)
        && url::Url::parse(text).is_ok_and(|url| url.has_host())
}

fn techniques(notice: &Notice) -> Value {
    let has = |code: &str| notice.techniques.iter().any(|known| known == code);
    let method = [
        ("fa-w-rc", "withReopeningCompetition"),
        ("fa-wo-rc", "withoutReopeningCompetition"),
        ("fa-mix", "withAndWithoutReopeningCompetition"),
    ];
    let mut framework = Object::default();
    framework.set("method", method.iter().find(|(code, _)| has(code)).map(|(_, method)| *method));
    framework.set("value", amount(notice.framework_ceiling.as_ref()));
    let mut techniques = Object::default();
    if !framework.0.is_empty() {
        techniques.set("hasFrameworkAgreement", true);
        techniques.set("frameworkAgreement", framework);
    }
    for (code, kind) in [("dps-list", "closed"), ("dps-nlist", "open")] {
        if has(code) {
            techniques.set("hasDynamicPurchasingSystem", true);
            techniques.set("dynamicPurchasingSystem", json!({"type": kind}));
        }
    }
    if has("electronic-auction") {
        techniques.set("hasElectronicAuction", true);
    }
    techniques.into()
}

/// Lots and groups with the items that carry their codes and places.
fn lots(notice: &Notice, tender: &mut Object) {
    let (groups, lots): (Vec<&Lot>, Vec<&Lot>) = notice.lots.iter().partition(|lot| lot.kind == LotKind::Group);
    let mut items = Vec::new();
    let mut list = Vec::new();
    for lot in &lots {
        let mut object = Object::default();
        object.set("id", lot.id.as_str());
        object.text("title", &lot.title, official(notice));
        object.text("description", &lot.description, official(notice));
        object.set("mainProcurementCategory", category(lot.nature));
        object.set("value", amount(lot.estimated_value.as_ref()));
        object.set("tenderPeriod", period(lot.deadline.as_ref()));
        object.set("contractPeriod", lot.duration.as_ref().map(contract_period).unwrap_or_default());
        let mut other = Object::default();
        other.set("securityClearance", lot.security_clearance);
        let reserved = lot.reserved.iter().map(|code| match code.as_str() {
            "res-ws" => "shelteredWorkshop",
            "res-pub-ser" => "publicServiceMissionOrganization",
            other => other,
        });
        other.set("reservedParticipation", reserved.collect::<Vec<_>>());
        object.set("otherRequirements", other);
        let ceiling = amount(lot.framework_ceiling.as_ref());
        if ceiling.as_object().is_some_and(|ceiling| !ceiling.is_empty()) {
            object.set("techniques", json!({"frameworkAgreement": {"value": ceiling}}));
        }
        list.push(Value::from(object));
        let mut item = Object::default();
        let mut classes = lot.cpv.iter().map(|code| json!({"scheme": "CPV", "id": code}));
        item.set("classification", classes.next().unwrap_or_default());
        item.set("additionalClassifications", classes.collect::<Vec<_>>());
        item.set("deliveryAddresses", lot.places.iter().map(address).collect::<Vec<_>>());
        if !item.0.is_empty() {
            item.set("id", (items.len() + 1).to_string());
            item.set("relatedLot", lot.id.as_str());
            items.push(Value::from(item));
        }
    }
    let groups = groups.iter().map(|group| {
        let mut object = Object::default();
        object.set("id", group.id.as_str());
        object.text("title", &group.title, official(notice));
        object.text("description", &group.description, official(notice));
        object.set("relatedLots", group.members.clone());
        object.set("maximumValue", amount(group.framework_ceiling.as_ref()));
        Value::from(object)
    });
    tender.set("lots", list);
    tender.set("lotGroups", groups.collect::<Vec<_>>());
    tender.set("items", items);
    if !lots.is_empty() && lots.iter().all(|lot| lot.gpa == Some(true)) {
        tender.set("coveredBy", json!(["GPA"]));
    }
}

/// OCDS counts in days only: a month has 30, a year 365.
fn contract_period(duration: &Duration) -> Value {
    let days = match duration.unit.as_deref() {
        Some("DAY") => Some(1),
        Some("WEEK") => Some(7),
        Some("MONTH") => Some(30),
        Some("YEAR") => Some(365),
        _ => None,
    };
    let mut period = Object::default();
    period.set("startDate", duration.starts_on.map(at_midnight));
    period.set("endDate", duration.ends_on.map(at_midnight));
    period.set("durationInDays", days.zip(duration.amount).map(|(days, amount)| days * u64::from(amount)));
    period.into()
}

fn award_id(at: usize) -> String {
    format!("award-{}", at + 1)
}

fn awards(notice: &Notice, parties: &mut Parties) -> Vec<Value> {
    let mut list = Vec::with_capacity(notice.awards.len());
    for (at, award) in notice.awards.iter().enumerate() {
        let mut object = Object::default();
        object.set("id", award_id(at));
        object.text("title", &award.title, official(notice));
        object.set(
            "status",
            match award.status.as_deref() {
                Some("selec-w") => Some("active"),
                Some("open-nw") => Some("pending"),
                Some("clos-nw") => Some("unsuccessful"),
                _ => None,
            },
        );
        object.set("date", award.decided_on.map(at_midnight));
        object.set("value", amount(award.value.as_ref()));
        let mut suppliers: Vec<Value> = Vec::new();
        for supplier in &award.suppliers {
            let reference = parties.add(supplier, "supplier", official(notice));
            if !suppliers.contains(&reference) {
                suppliers.push(reference);
            }
        }
        object.set("suppliers", suppliers);
        object.set("relatedLots", award.lot.iter().cloned().collect::<Vec<_>>());
        list.push(object.into());
    }
    list
}

fn contracts(notice: &Notice) -> Vec<Value> {
    let settled = notice.awards.iter().enumerate();
    settled
        .filter_map(|(at, award)| Some(json!({"id": award.contract_id.as_ref()?, "awardID": award_id(at)})))
        .collect()
}

fn related(notice: &Notice) -> Vec<Value> {
    let others = notice.related.iter().filter(|related| related.relation != Relation::Changes).enumerate();
    others
        .map(|(at, related)| {
            let relationship = if related.relation == Relation::Plans { "planning" } else { "prior" };
            json!({"id": (at + 1).to_string(), "relationship": [relationship], "identifier": related.id})
        })
        .collect()
}
