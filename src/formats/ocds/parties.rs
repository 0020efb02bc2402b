//! `parties[]` and the references to them → buyers and suppliers.

use std::borrow::Cow;

use super::tree::Json;
use crate::codes;
use crate::formats::reading::{Reading, is_lower, push_new};
use crate::issue::IssueCode;
use crate::notice::{Organisation, Role};

/// Suppliers over all awards: references may multiply.
const MAX_SUPPLIERS: usize = 10_000;

/// The organisations of one release.
pub(super) struct Parties<'r, 'a> {
    list: Vec<&'r Json<'a>>,
    resolved: usize,
}

impl<'r, 'a> Parties<'r, 'a> {
    pub fn of(release: &'r Json<'a>) -> Self {
        Self { list: release.get("parties").each().filter(|party| party.is_object()).collect(), resolved: 0 }
    }

    /// The parties that have the role.
    pub fn with_role(&self, role: &str) -> Vec<&'r Json<'a>> {
        self.list.iter().copied().filter(|party| roles(party).any(|known| known == role)).collect()
    }

    /// The party that a reference means: by its id, else by its identifier (some publishers swap the two), else by name.
    pub fn resolve(&self, reference: &Json<'_>) -> Option<&'r Json<'a>> {
        let find = |wanted: Option<Cow<'_, str>>, path: &[&str]| {
            let wanted = wanted?;
            self.list.iter().copied().find(|party| party.at(path).text().as_ref() == Some(&wanted))
        };
        find(reference.text_of("id"), &["id"])
            .or_else(|| find(reference.text_of("id"), &["identifier", "id"]))
            .or_else(|| find(reference.at(&["identifier", "id"]).text(), &["identifier", "id"]))
            .or_else(|| find(reference.text_of("name"), &["name"]))
    }

    /// Contracting parties: those with the role, else the procuring entities, else the references to them.
    pub fn buyers(&self, release: &Json<'_>, reading: &mut Reading) -> Vec<Organisation> {
        let mut nodes: Vec<&Json<'_>> = self.with_role("buyer");
        if nodes.is_empty() {
            nodes = self.with_role("procuringentity");
        }
        let mut buyers: Vec<Organisation> = Vec::new();
        for node in nodes.into_iter().chain(self.with_role("centralpurchasingbody")) {
            let mut buyer = organisation(node, reading);
            buyer.roles = contracting_roles(node);
            add(&mut buyers, buyer);
        }
        if buyers.is_empty() {
            // Neither a role nor a party need be there; the reference alone names the buyer.
            let references = [release.get("buyer"), release.at(&["tender", "procuringEntity"])];
            let planned = release.at(&["planning", "tender", "procuringEntity"]);
            for reference in references.into_iter().chain([planned]).filter(|node| node.is_object()) {
                let mut buyer = self.referred(reference, reading);
                if buyer.name.is_some() || buyer.id.is_some() {
                    buyer.roles = vec![Role::Buyer];
                    add(&mut buyers, buyer);
                    break;
                }
            }
        }
        self.others(reading);
        buyers
    }

    /// Public bodies in other roles, by name; roles that nobody defined, by role.
    fn others(&self, reading: &mut Reading) {
        for party in &self.list {
            for role in roles(party) {
                match role.as_ref() {
                    "procuringentity" | "funder" | "payer" | "wholesalebuyer" | "reviewbody" | "mediationbody" => {
                        if let Some(name) = party.text_of("name") {
                            reading.keep_in_list(&["parties.", &role].concat(), &name);
                        }
                    }
                    "buyer"
                    | "supplier"
                    | "tenderer"
                    | "payee"
                    | "enquirer"
                    | "interestedparty"
                    | "centralpurchasingbody"
                    | "processcontactpoint"
                    | "reviewcontactpoint" => {}
                    other => reading.keep_in_list("parties.roles", other),
                }
            }
        }
    }

    /// What a reference says, with what its party says.
    fn referred(&self, reference: &Json<'_>, reading: &mut Reading) -> Organisation {
        let Some(party) = self.resolve(reference) else { return organisation(reference, reading) };
        let mut found = organisation(party, reading);
        if found.name.is_none() && !found.natural_person {
            found.name = reference.text_of("name").and_then(|name| reading.line(&name));
        }
        found
    }

    /// Winners by reference; a party that is no organisation (`N/A`) is none.
    pub fn suppliers(&mut self, references: &Json<'_>, reading: &mut Reading) -> Vec<Organisation> {
        let mut found = Vec::new();
        for reference in references.each().filter(|reference| reference.is_object()) {
            self.resolved += 1;
            if self.resolved > MAX_SUPPLIERS {
                reading.issue(IssueCode::Truncated, "suppliers", "");
                break;
            }
            let supplier = self.referred(reference, reading);
            if supplier.name.is_some() || supplier.id.is_some() || supplier.natural_person {
                push_new(&mut found, withheld(supplier));
            }
        }
        found
    }

    /// Winners that only their role tells.
    pub fn suppliers_by_role(&self, reading: &mut Reading) -> Vec<Organisation> {
        let mut found = Vec::new();
        for party in self.with_role("supplier") {
            let supplier = organisation(party, reading);
            if supplier.name.is_some() || supplier.natural_person {
                push_new(&mut found, withheld(supplier));
            }
        }
        found
    }
}

/// A winner who is a person has neither name nor number here.
fn withheld(supplier: Organisation) -> Organisation {
    if !supplier.natural_person {
        return supplier;
    }
    Organisation { natural_person: true, country: supplier.country, size: supplier.size, ..Organisation::default() }
}

/// What a party is, in lower case.
fn roles<'r>(party: &'r Json<'_>) -> impl Iterator<Item = Cow<'r, str>> {
    let written = party.get("roles").each().filter_map(Json::text);
    written.map(|role| if is_lower(&role) { role } else { Cow::Owned(role.to_lowercase()) })
}

fn contracting_roles(party: &Json<'_>) -> Vec<Role> {
    let mut found = vec![Role::Buyer];
    for role in roles(party) {
        match role.as_ref() {
            "leadbuyer" | "groupleader" => push_new(&mut found, Role::Lead),
            "centralpurchasingbody" => push_new(&mut found, Role::CentralPurchasing),
            _ => {}
        }
    }
    found
}

/// The same buyer under two entries is one.
fn add(buyers: &mut Vec<Organisation>, buyer: Organisation) {
    let same = |known: &Organisation| {
        (known.id.is_some() && known.id == buyer.id && known.scheme == buyer.scheme && known.name == buyer.name)
            || (known.name.is_some() && known.name == buyer.name && (known.id.is_none() || buyer.id.is_none()))
    };
    match buyers.iter_mut().find(|known| same(known)) {
        Some(known) => buyer.roles.iter().for_each(|role| push_new(&mut known.roles, *role)),
        None if buyer.name.is_some() || buyer.id.is_some() => push_new(buyers, buyer),
        None => {}
    }
}

/// One organisation.
fn organisation(node: &Json<'_>, reading: &mut Reading) -> Organisation {
    let identifier = node.get("identifier");
    let mut found = Organisation::default();
    for (holder, field) in [(node, "name"), (identifier, "legalName")] {
        names(holder, field, &mut found, reading);
        if found.name.is_some() {
            break;
        }
    }
    identify(node, &mut found);
    let address = node.get("address");
    let country = ["country", "countryCode", "countryName"].iter().find_map(|key| address.text_of(key));
    found.country = country.and_then(|country| reading.country("parties[].address.countryName", &country));
    for key in ["region", "nuts"] {
        let region = address.text_of(key);
        if let Some(code) = region.and_then(|region| super::tender::nuts(&region, "parties[].address.region", reading))
        {
            found.country = found.country.or_else(|| nuts_country(&code));
            found.nuts = Some(code);
        }
    }
    found.city = address.text_of("locality").and_then(|city| reading.line(&city));
    let details = node.get("details");
    found.website = details.text_of("url").and_then(|url| reading.url("parties[].details.url", &url));
    found.size = details
        .text_of("scale")
        .map(|scale| scale.to_lowercase())
        .filter(|scale| matches!(scale.as_str(), "micro" | "small" | "medium" | "large" | "sme"));
    found.natural_person = is_person(node, found.id.as_deref());
    super::classifications::of_party(details, &mut found, reading);
    found
}

fn names(node: &Json<'_>, field: &str, found: &mut Organisation, reading: &mut Reading) {
    for (suffix, text) in node.variants(field) {
        let Some(line) = reading.line(&text) else { continue };
        match suffix {
            None => found.name = Some(line),
            Some(language) => {
                let language = reading.language_of(field, language);
                found.names.push(&language, &line);
            }
        }
    }
    if found.name.is_none() {
        found.name = found.names.first().map(|(_, name)| name.to_owned());
    }
}

/// The identifier; else the party's own id when it is more than a number inside this release.
fn identify(node: &Json<'_>, found: &mut Organisation) {
    let additional = node.get("additionalIdentifiers").each();
    let all = std::iter::once(node.get("identifier")).chain(additional);
    for identifier in all {
        if let Some(id) = identifier.text_of("id").filter(|id| !is_placeholder(id)) {
            found.id = Some(id.into_owned());
            found.scheme = identifier.text_of("scheme").map(Cow::into_owned);
            return;
        }
    }
    if let Some(id) = node.text_of("id").filter(|id| !is_placeholder(id) && !is_local(id)) {
        found.id = Some(id.into_owned());
    }
}

/// `IT-CF-NAN`, `N/A`: an export wrote that there is none.
fn is_placeholder(id: &str) -> bool {
    let id = id.trim();
    let last = id.rsplit('-').next().unwrap_or("");
    let is = |word: &str| id.eq_ignore_ascii_case(word);
    last.is_empty() || last.eq_ignore_ascii_case("NAN") || ["0", "NULL", "NONE", "N/A", "UNDEFINED"].into_iter().any(is)
}

/// `1`, `org-2`, `ORG-0001`, `party3`: numbers within one release.
fn is_local(id: &str) -> bool {
    let digits = id.trim_start_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_'));
    let word = &id[..id.len() - digits.len()];
    let word = word.trim_end_matches(['-', '_']);
    digits.len() <= 4
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && ["", "org", "party", "supplier", "buyer", "tpo", "ubo"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// What says that a party is a person: its scale, a flag, or an Italian tax number, which has sixteen signs for a
/// person (six of the name) and eleven digits for a company.
fn is_person(node: &Json<'_>, id: Option<&str>) -> bool {
    let details = node.get("details");
    let kind = node.at(&["identifier", "tipo_de_parte"]).text();
    let tax_number = id.map(|id| id.rsplit('-').next().unwrap_or(id)).is_some_and(|number| {
        number.len() == 16
            && number.is_ascii()
            && number[..6].bytes().all(|byte| byte.is_ascii_alphabetic())
            && number[6..8].bytes().all(|byte| byte.is_ascii_digit())
    });
    details.text_of("scale").is_some_and(|scale| scale.eq_ignore_ascii_case("selfEmployed"))
        || details.get("naturalPerson").is_true()
        || node.get("naturalPerson").is_true()
        || kind.is_some_and(|kind| kind.to_lowercase().starts_with("persona f"))
        || tax_number
}

fn nuts_country(code: &str) -> Option<String> {
    code.get(..2).and_then(codes::country_of).map(|country| country.iso2.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn references_resolve_by_id_then_identifier_then_name() {
        let tree = Json::read(
            r#"{"parties":[{"id":"a","name":"A","identifier":{"id":"x-1"}},{"id":"b","name":"B"}],
                "r":[{"id":"b"},{"id":"x-1"},{"name":"A"},{"id":"zz","name":"Z"}]}"#,
        )
        .expect("JSON");
        let parties = Parties::of(&tree);
        let found: Vec<_> = tree.get("r").each().map(|reference| parties.resolve(reference)).collect();
        let names: Vec<_> = found.iter().map(|party| party.and_then(|party| party.text_of("name"))).collect();
        assert_eq!(names, [Some("B".into()), Some("A".into()), Some("A".into()), None]);
    }

    #[test]
    fn persons_are_withheld_and_placeholders_are_no_ids() {
        let tree = Json::read(
            r#"{"parties":[{"id":"IT-CF-ABCDEF70A01H501X","name":"Somebody","roles":["supplier"]},
                {"id":"IT-CF-NAN","name":"Firm","roles":["supplier"]},{"id":"org-1","name":"Other","roles":["supplier"]}]}"#,
        )
        .expect("JSON");
        let mut reading = Reading::new(TimeZone::UTC);
        let found = Parties::of(&tree).suppliers_by_role(&mut reading);
        assert!(found[0].natural_person && found[0].name.is_none() && found[0].id.is_none());
        assert_eq!((found[1].id.as_deref(), found[2].id.as_deref()), (None, None));
        assert_eq!(found[1].name.as_deref(), Some("Firm"));
    }
}
