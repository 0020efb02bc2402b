//! The tree before the national forms of 2023: `IDENTITE`, `OBJET`, `PROCEDURE`, `ATTRIBUTION` … (schema 2.3.0), in
//! XML files and in `donnees` of older rows.

use serde_json::Value;

use super::super::json::{self, all, at, names, text_at};
use super::super::reading::{Reading, place_of_nuts, push_new, put};
use super::{kind, kinds, plain, unescaped};
use crate::notice::{Amount, Award, Duration, Lot, LotKind, MoneyKind, Notice, Organisation, Place, Role, Text, Vat};

/// Reads `DONNEES`.
pub(super) fn read(donnees: &Value, notice: &mut Notice, reading: &mut Reading) {
    for identity in all(donnees, "IDENTITE") {
        if let Some(buyer) = buyer(identity, donnees, reading) {
            push_new(&mut notice.buyers, buyer);
        }
        if notice.documents_url.is_none() {
            notice.documents_url =
                text_at(identity, "URL_DOCUMENT").and_then(|url| reading.url("IDENTITE.URL_DOCUMENT", &url));
        }
    }
    if let Some(object) = at(donnees, "OBJET") {
        subject(object, notice, reading);
    }
    procedure(donnees, notice, reading);
    for path in
        ["CONDITION_DELAI.RECEPT_OFFRES", "CONDITION_DELAI.RECEPT_CANDIDATURES", "CONDITION_DELAI.RECEPT_CANDIDAT"]
    {
        if notice.deadline.is_none()
            && let Some(written) = text_at(donnees, path)
        {
            notice.deadline = reading.deadline(path, &written);
        }
    }
    for path in ["CONDITION_ADMINISTRATIVE.REFERENCE_MARCHE", "OBJET.REF_MARCHE"] {
        if let Some(written) = text_at(donnees, path) {
            reading.keep(path, written.as_ref());
        }
    }
    if let Some(attribution) = at(donnees, "ATTRIBUTION") {
        awards(attribution, notice, reading);
    }
    for name in ["LIRE", "AJOUTER", "TEXTE.LIRE", "DATE.LIRE"] {
        for correction in all(donnees, "RECTIF.MODIFICATION") {
            french(&mut notice.description, "RECTIF.MODIFICATION", correction, name, reading);
        }
    }
    if let Some(modification) = at(donnees, "MODIF") {
        modified(modification, notice, reading);
    }
}

/// The contracting party. Its correspondent is not read.
fn buyer(identity: &Value, donnees: &Value, reading: &mut Reading) -> Option<Organisation> {
    let name = text_at(identity, "DENOMINATION").and_then(|name| reading.line(&unescaped(&name)))?;
    let mut buyer = Organisation { name: Some(name), roles: vec![Role::Buyer], ..Organisation::default() };
    buyer.id = text_at(identity, "CODE_IDENT_NATIONAL").map(std::borrow::Cow::into_owned);
    buyer.scheme = buyer.id.as_deref().and_then(siret).map(str::to_owned);
    buyer.city = text_at(identity, "VILLE").and_then(|city| reading.line(&unescaped(&city)));
    buyer.nuts =
        text_at(identity, "ADJUDICATEUR_NUTS").and_then(|code| reading.nuts("IDENTITE.ADJUDICATEUR_NUTS", &code));
    buyer.website = text_at(identity, "URL").and_then(|url| reading.url("IDENTITE.URL", &url));
    buyer.country = match text_at(identity, "PAYS") {
        Some(code) => reading.country("IDENTITE.PAYS", &code),
        None => Some("FR".to_owned()),
    };
    // The form asks whether it buys for others, and whether it is a central purchasing body.
    if at(identity, "AGIT_POUR_AUTRE_COMPTE_OUI").is_some() {
        buyer.roles.push(Role::OnBehalf);
    }
    if at(identity, "ORGANISME_ACHETEUR_CENTRAL_OUI").is_some() {
        buyer.roles.push(Role::CentralPurchasing);
    }
    for path in ["TYPE_POUVOIR_ADJUDICATEUR", "TYPE_ORGANISME"] {
        for word in at(donnees, path).map(names).unwrap_or_default() {
            reading.keep_in_list(path, word);
            buyer.legal_type = buyer.legal_type.or_else(|| legal_type(word).map(str::to_owned));
        }
    }
    for path in ["ACTIVITE_PRINCIPALE.POUVOIR_ADJUDICATEUR", "ACTIVITE_PRINCIPALE.ENTITE_ADJUDICATRICE"] {
        for word in at(donnees, path).map(names).unwrap_or_default() {
            reading.keep_in_list(path, word);
            buyer.activity = buyer.activity.or_else(|| activity(word).map(str::to_owned));
        }
    }
    Some(buyer)
}

/// The French company register: 14 digits for a place of business, 9 for a company.
pub(super) fn siret(id: &str) -> Option<&'static str> {
    match (id.len(), id.bytes().all(|byte| byte.is_ascii_digit())) {
        (14, true) => Some("SIRET"),
        (9, true) => Some("SIREN"),
        _ => None,
    }
}

/// BT-11; `AUTRE` and unknown words say nothing.
fn legal_type(word: &str) -> Option<&'static str> {
    Some(match plain(word).as_str() {
        "ETAT" | "MINAUTORITENATIONALE" => "cga",
        "REGION" | "AUTOTRITEREGIONAL" | "AUTORITEREGIONALE" => "ra",
        "DEPARTEMENT" | "COMMUNE" => "la",
        "EPN" | "AGENCENATIONAL" => "body-pl-cga",
        "EPT" => "body-pl-la",
        "AGENCEREGIONAL" => "body-pl-ra",
        "ORGDROITPUBLIC" => "body-pl",
        "INSTITUTIONEUROPEENNE" => "eu-ins-bod-ag",
        _ => return None,
    })
}

/// BT-10 and BT-610.
fn activity(word: &str) -> Option<&'static str> {
    Some(match plain(word).as_str() {
        "ACTSERVADMPUB" => "gen-pub",
        "DEFENSE" => "defence",
        "ORDSECUPUB" | "ORDRESECUPUB" | "ORDRESECURITEPUBLIC" => "pub-os",
        "ENVIRONNEMENT" => "env-pro",
        "AFFECOFIN" => "econ-aff",
        "SANTE" => "health",
        "LOGDEVCOL" => "hc-am",
        "PROTECTIONSOCIALE" | "PROTSOCIALE" => "soc-pro",
        "LOISIRCULTRELI" | "LOISIRCULTURERELIGION" => "rcr",
        "EDUCATION" => "education",
        "ELECTRICITE" => "electricity",
        "EAU" => "water",
        "SERVPOSTAUX" => "post",
        "SERVCHEMINFER" => "rail",
        "SERVTRAMBUS" => "urttb",
        "ACTPORT" => "port",
        "ACTAEROPORT" => "airport",
        "PRODTRANSDISTRIBGAZ" => "gas-heat",
        "PROSPEXTRACTPETROLEGAZ" => "gas-oil",
        _ => return None,
    })
}

/// `OBJET`.
fn subject(object: &Value, notice: &mut Notice, reading: &mut Reading) {
    french(&mut notice.title, "OBJET.TITRE_MARCHE", object, "TITRE_MARCHE", reading);
    french(&mut notice.description, "OBJET.OBJET_COMPLET", object, "OBJET_COMPLET", reading);
    french(
        &mut notice.description,
        "OBJET.CARACTERISTIQUES.PRINCIPALES",
        object,
        "CARACTERISTIQUES.PRINCIPALES",
        reading,
    );
    notice.nature = kinds(object, "TYPE_MARCHE");
    for word in at(object, "TYPE_MARCHE").map(names).unwrap_or_default() {
        if kind(word).is_none() {
            reading.keep_in_list("OBJET.TYPE_MARCHE", word);
        }
    }
    cpv(object, "OBJET.CPV", &mut notice.cpv, reading);
    for place in all(object, "LIEU_EXEC_LIVR") {
        add_place(place, "OBJET.LIEU_EXEC_LIVR", &mut notice.places, reading);
    }
    for path in ["CARACTERISTIQUES.VALEUR_TOTALE", "CARACTERISTIQUES.VALEUR"] {
        if notice.estimated_value.is_none() {
            notice.estimated_value = money(object, path, MoneyKind::Estimate, reading);
        }
    }
    for path in ["CARACTERISTIQUES.VALEUR_MAX", "ACCORD_CADRE.VALEUR_MAX", "ACCORD_CADRE.VALEUR"] {
        if notice.framework_ceiling.is_none() {
            notice.framework_ceiling = money(object, path, MoneyKind::Ceiling, reading);
        }
    }
    if let Some(least) = text_at(object, "CARACTERISTIQUES.VALEUR_MIN") {
        reading.keep("OBJET.CARACTERISTIQUES.VALEUR_MIN", least.as_ref());
    }
    let own = duration(at(object, "DUREE_DELAI").unwrap_or(&Value::Null), reading);
    let lots = all(object, "LOTS.LOT");
    for (number, lot) in lots.into_iter().enumerate() {
        let lot = read_lot(lot, number + 1, reading);
        push_new(&mut notice.lots, lot);
    }
    if let Some(duration) = own {
        match notice.lots.as_mut_slice() {
            [] => {
                // The whole contract is its own lot.
                let mut lot = Lot::new("1", LotKind::Lot);
                lot.duration = Some(duration);
                put(&mut notice.lots, lot);
            }
            lots => lots
                .iter_mut()
                .filter(|lot| lot.duration.is_none())
                .for_each(|lot| lot.duration = Some(duration.clone())),
        }
    }
}

fn read_lot(lot: &Value, number: usize, reading: &mut Reading) -> Lot {
    let id = text_at(lot, "NUM").map_or_else(|| number.to_string(), std::borrow::Cow::into_owned);
    let mut found = Lot::new(id, LotKind::Lot);
    french(&mut found.title, "OBJET.LOTS.LOT.INTITULE", lot, "INTITULE", reading);
    french(&mut found.description, "OBJET.LOTS.LOT.DESCRIPTION", lot, "DESCRIPTION", reading);
    cpv(lot, "OBJET.LOTS.LOT.CPV", &mut found.cpv, reading);
    add_place(lot, "OBJET.LOTS.LOT", &mut found.places, reading);
    found.estimated_value = money(lot, "VALEUR", MoneyKind::Estimate, reading);
    found.framework_ceiling = money(lot, "VALEUR_MAX", MoneyKind::Ceiling, reading);
    found.duration = duration(lot, reading);
    found
}

/// `DUREE_MOIS`, `DUREE_JOURS`, `DATE_DEBUT`, `DATE_FIN`.
fn duration(value: &Value, reading: &mut Reading) -> Option<Duration> {
    let mut found = Duration::default();
    for (name, unit) in [("DUREE_MOIS", "MONTH"), ("DUREE_JOURS", "DAY"), ("DUREE_JOUR", "DAY"), ("DUREE_AN", "YEAR")] {
        if found.amount.is_none()
            && let Some(written) = text_at(value, name)
        {
            found.amount = reading.count(name, &written);
            found.unit = found.amount.map(|_| unit.to_owned());
        }
    }
    found.starts_on = text_at(value, "DATE_DEBUT").and_then(|day| reading.date("DATE_DEBUT", &day));
    found.ends_on = text_at(value, "DATE_FIN").and_then(|day| reading.date("DATE_FIN", &day));
    (found != Duration::default()).then_some(found)
}

fn add_place(value: &Value, path: &str, places: &mut Vec<Place>, reading: &mut Reading) {
    for code in all(value, "CODE_NUTS").into_iter().filter_map(json::text) {
        if let Some(nuts) = reading.nuts(&format!("{path}.CODE_NUTS"), &code) {
            push_new(places, place_of_nuts(nuts));
        }
    }
}

/// `PRINCIPAL` and `SUPPLEMENTAIRE` of every `CPV`.
fn cpv(value: &Value, path: &str, into: &mut Vec<String>, reading: &mut Reading) {
    for name in ["CPV.PRINCIPAL", "CPV.SUPPLEMENTAIRE"] {
        for code in all(value, name).into_iter().filter_map(json::text) {
            for code in reading.cpv(path, &code) {
                push_new(into, code);
            }
        }
    }
}

/// Text in French.
fn french(into: &mut Text, path: &str, value: &Value, name: &str, reading: &mut Reading) {
    for text in all(value, name).into_iter().filter_map(json::text) {
        reading.text(into, path, None, &unescaped(&text));
    }
}

/// An amount with `DEVISE`; euros where it is left out, as the form has it. VAT is excluded by the forms' own words.
fn money(value: &Value, path: &str, kind: MoneyKind, reading: &mut Reading) -> Option<Amount> {
    let found = at(value, path)?;
    let written = json::text(found)?;
    let currency = text_at(found, "@DEVISE").or_else(|| text_at(found, "@devise"));
    reading.amount(path, &written, Some(currency.as_deref().unwrap_or("EUR")), kind, Vat::Ex)
}

/// `PROCEDURE.TYPE_PROCEDURE`: an element, sometimes with one inside that says how.
fn procedure(donnees: &Value, notice: &mut Notice, reading: &mut Reading) {
    let Some(kind) = at(donnees, "PROCEDURE.TYPE_PROCEDURE") else { return };
    for word in names(kind) {
        let inside = at(kind, word).map(names).unwrap_or_default();
        let whole = format!("{word} {}", inside.join(" "));
        reading.keep("PROCEDURE.TYPE_PROCEDURE", whole.trim());
        if notice.procedure_type.is_none() {
            notice.procedure_type = super::procedure_of_words(&whole).map(str::to_owned);
        }
    }
    if at(donnees, "PROCEDURE.ENCHERE_ELECTRONIQUE_OUI").is_some() {
        push_new(&mut notice.techniques, "electronic-auction".to_owned());
    }
    for word in at(donnees, "PROCEDURE.AVIS_IMPLIQUE").map(names).unwrap_or_default() {
        reading.keep_in_list("PROCEDURE.AVIS_IMPLIQUE", word);
    }
}

/// `ATTRIBUTION`: one decision per lot; holders and what belongs to each follow each other.
fn awards(attribution: &Value, notice: &mut Notice, reading: &mut Reading) {
    notice.awarded_value = money(attribution, "VALEUR_TOTALE", MoneyKind::Award, reading);
    let decided = text_at(attribution, "DATE_DECISION").and_then(|day| reading.date("ATTRIBUTION.DATE_DECISION", &day));
    let closed = ["TOTALEMENT_INFRUCTUEUX", "SANS_SUITE", "INFRUCTUEUX"].into_iter();
    let closed: Vec<&str> = closed.filter(|word| at(attribution, word).is_some()).collect();
    for word in &closed {
        reading.keep_in_list("ATTRIBUTION", word);
    }
    let decisions = all(attribution, "DECISION");
    if decisions.iter().all(|decision| names(decision).is_empty()) && !closed.is_empty() {
        put(&mut notice.awards, Award { status: Some("clos-nw".to_owned()), decided_on: decided, ..Award::default() });
        return;
    }
    for decision in decisions.into_iter().filter(|decision| !names(decision).is_empty()) {
        let holders = all(decision, "TITULAIRE");
        let details = all(decision, "RENSEIGNEMENT");
        let mut first = Award { decided_on: decided, ..Award::default() };
        first.lot = text_at(decision, "NUM_LOT").map(std::borrow::Cow::into_owned);
        first.contract_id = text_at(decision, "NUM_MARCHE").map(std::borrow::Cow::into_owned);
        french(&mut first.title, "ATTRIBUTION.DECISION.INTITULE", decision, "INTITULE", reading);
        if first.title.is_empty() {
            french(&mut first.title, "ATTRIBUTION.DECISION.DESCRIPTION", decision, "DESCRIPTION", reading);
        }
        let open = ["INFRUCTUEUX", "SANS_SUITE"].into_iter().find(|word| at(decision, word).is_some());
        first.status = Some(if open.is_some() { "clos-nw" } else { "selec-w" }.to_owned());
        if let Some(word) = open {
            reading.keep_in_list("ATTRIBUTION.DECISION", word);
        }
        if holders.len() > 1 && holders.len() == details.len() {
            // Each holder has details of its own: several contracts for one lot.
            for (holder, detail) in holders.into_iter().zip(details) {
                let mut award = first.clone();
                award.suppliers.extend(supplier(holder, reading));
                detailed(detail, &mut award, reading);
                push_new(&mut notice.awards, award);
            }
        } else {
            let mut award = first;
            award.suppliers.extend(holders.into_iter().filter_map(|holder| supplier(holder, reading)));
            for detail in details {
                detailed(detail, &mut award, reading);
            }
            push_new(&mut notice.awards, award);
        }
    }
}

/// The name as published; no field tells companies from people.
fn supplier(holder: &Value, reading: &mut Reading) -> Option<Organisation> {
    let name = text_at(holder, "DENOMINATION").and_then(|name| reading.line(&unescaped(&name)))?;
    let mut found = Organisation { name: Some(name), ..Organisation::default() };
    found.id = text_at(holder, "CODE_IDENT_NATIONAL").map(std::borrow::Cow::into_owned);
    found.scheme = found.id.as_deref().and_then(siret).map(str::to_owned);
    found.city = text_at(holder, "VILLE").and_then(|city| reading.line(&unescaped(&city)));
    found.nuts = text_at(holder, "CODE_NUTS").and_then(|code| reading.nuts("TITULAIRE.CODE_NUTS", &code));
    found.country = text_at(holder, "PAYS").and_then(|code| reading.country("TITULAIRE.PAYS", &code));
    found.size = at(holder, "PME_OUI").map(|_| "sme".to_owned());
    Some(found)
}

/// What a detail says, where the award has nothing yet.
fn detailed(detail: &Value, award: &mut Award, reading: &mut Reading) {
    if let Some(day) = text_at(detail, "DATE_ATTRIBUTION") {
        award.decided_on = reading.date("RENSEIGNEMENT.DATE_ATTRIBUTION", &day).or(award.decided_on);
    }
    if award.tenders_received.is_none() {
        award.tenders_received =
            text_at(detail, "NB_OFFRE_RECU").and_then(|count| reading.count("RENSEIGNEMENT.NB_OFFRE_RECU", &count));
    }
    for name in ["MONTANT", "MONTANT_MAXI"] {
        if award.value.is_none() {
            award.value = money(detail, name, MoneyKind::Award, reading);
        }
    }
    for name in ["ESTIMATION_INITIALE", "MONTANT_MINI"] {
        if let Some(written) = text_at(detail, name) {
            reading.keep_in_list(&format!("RENSEIGNEMENT.{name}"), &written);
        }
    }
}

/// `MODIF`: the contract as it is now.
fn modified(modification: &Value, notice: &mut Notice, reading: &mut Reading) {
    cpv(modification, "MODIF.CPV", &mut notice.cpv, reading);
    add_place(modification, "MODIF", &mut notice.places, reading);
    french(&mut notice.description, "MODIF.DESCRIPTION", modification, "DESCRIPTION", reading);
    for name in ["DESC_MODIF", "DESCMODIF"] {
        french(&mut notice.description, "MODIF.DESC_MODIF", modification, name, reading);
    }
    let mut award = Award { status: Some("selec-w".to_owned()), ..Award::default() };
    award.suppliers =
        all(modification, "TITULAIRE").into_iter().filter_map(|holder| supplier(holder, reading)).collect();
    for name in ["VALEUR_APR", "VALEURAPR", "VALEUR"] {
        if award.value.is_none() {
            award.value = money(modification, name, MoneyKind::Award, reading);
        }
    }
    for name in ["VALEUR_AVT", "VALEURAVT"] {
        if let Some(written) = text_at(modification, name) {
            reading.keep("MODIF.VALEUR_AVT", written.as_ref());
        }
    }
    put(&mut notice.awards, award);
}
