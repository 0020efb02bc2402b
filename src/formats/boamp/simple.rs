//! The national forms of today: `FNSimple` (above 90 000 €), `MAPA` (adapted procedures), `DSP` (delegated public
//! services) and `DIVERS`, each with the buyer in `organisme` and the rest in `initial`, `attribution` or `rectificatif`.

use serde_json::Value;

use super::super::json::{self, all, at, names, text_at};
use super::super::reading::{Reading, place_of_nuts, push_new, put};
use super::old::siret;
use super::{kind, unescaped};
use crate::notice::{Amount, Award, Duration, Lot, LotKind, MoneyKind, Notice, Organisation, Role, Text, Vat};

/// What a form is about: a call, a result, a correction, a modification, a cancellation, an intention.
const PARTS: [&str; 7] =
    ["initial", "attribution", "rectificatif", "modification", "annulation", "intentionConclure", "preInformation"];

/// The form inside `donnees`: its one key that holds a tree.
fn form(donnees: &Value) -> Option<(&str, &Value)> {
    let found = donnees.as_object()?.iter().find(|(key, value)| !key.starts_with(['@', '#']) && value.is_object());
    found.map(|(key, value)| (key.as_str(), value))
}

fn part(form: &Value) -> Option<(&'static str, &Value)> {
    PARTS.iter().find_map(|name| at(form, name).map(|value| (*name, value)))
}

/// Numbers of the notices that this one continues.
pub(super) fn earlier(donnees: &Value) -> Vec<String> {
    let Some((_, part)) = form(donnees).and_then(|(_, form)| part(form)) else { return Vec::new() };
    let found = ["avisInitial.idWeb", "avisInitial.idweb"].into_iter().flat_map(|path| all(part, path));
    found.filter_map(json::text).map(std::borrow::Cow::into_owned).collect()
}

/// Reads `donnees`.
pub(super) fn read(donnees: &Value, notice: &mut Notice, reading: &mut Reading) {
    let Some((kind, form)) = form(donnees) else { return };
    reading.keep("donnees", kind);
    for organisation in all(form, "organisme") {
        if let Some(buyer) = buyer(organisation, reading) {
            push_new(&mut notice.buyers, buyer);
        }
    }
    if at(form, "organisme.grpCommandes.oui").is_some() {
        // A group of buyers orders together; its members are not listed.
        reading.keep("organisme.grpCommandes", true);
        let countries = vec!["FR".to_owned()];
        let buyers = u32::try_from(notice.buyers.len()).unwrap_or(u32::MAX);
        let evidence = vec!["several-buyers".to_owned()];
        notice.joint = Some(crate::notice::Joint { buyers, countries, cross_border: false, evidence });
    }
    let Some((name, part)) = part(form) else { return };
    subject(part, notice, reading);
    lots(part, notice, reading);
    procedure(part, notice, reading);
    for path in [
        "procedure.dateReceptionOffres",
        "delais.receptionOffres",
        "procedure.dateReceptionCandidatures",
        "delais.receptionCandidatures",
    ] {
        if notice.deadline.is_none()
            && let Some(written) = text_at(part, path)
        {
            notice.deadline = reading.deadline(path, &written);
        }
    }
    for path in ["communication.urlDocConsul", "communication.urlProfilAch"] {
        if notice.documents_url.is_none() {
            notice.documents_url = text_at(part, path).and_then(|url| reading.url(path, &url));
        }
    }
    if notice.documents_url.is_none() {
        notice.documents_url = text_at(form, "organisme.urlProfilAcheteur")
            .and_then(|url| reading.url("organisme.urlProfilAcheteur", &url));
    }
    for path in ["communication.identifiantInterne", "renseignements.idMarche"] {
        if let Some(written) = text_at(part, path) {
            reading.keep(path, written.as_ref());
        }
    }
    for path in ["infosRectif.ajouter", "infosRectif.lire", "rectification.texte"] {
        french(&mut notice.description, path, part, reading);
    }
    if name == "attribution" {
        awards(part, notice, reading);
    }
}

/// The contracting party. Its correspondent and contacts are not read.
fn buyer(organisation: &Value, reading: &mut Reading) -> Option<Organisation> {
    let name = ["nomOfficiel", "acheteurPublic", "denomination"].iter().find_map(|name| text_at(organisation, name))?;
    let mut buyer =
        Organisation { name: reading.line(&unescaped(&name)), roles: vec![Role::Buyer], ..Organisation::default() };
    buyer.id = text_at(organisation, "codeIdentificationNational").map(std::borrow::Cow::into_owned);
    buyer.scheme = buyer.id.as_deref().and_then(siret).map(str::to_owned);
    let city = text_at(organisation, "ville").or_else(|| text_at(organisation, "adr.ville"));
    buyer.city = city.and_then(|city| reading.line(&unescaped(&city)));
    buyer.website = ["coord.url", "url"].iter().find_map(|name| reading.url(name, &text_at(organisation, name)?));
    buyer.nuts = text_at(organisation, "codeNUTS").and_then(|code| reading.nuts("organisme.codeNUTS", &code));
    buyer.country = Some("FR".to_owned());
    Some(buyer)
}

/// Text in French.
fn french(into: &mut Text, path: &str, value: &Value, reading: &mut Reading) {
    for text in all(value, path).into_iter().filter_map(json::text) {
        reading.text(into, path, None, &unescaped(&text));
    }
}

/// Title, description, CPV, kind, value, duration: under `natureMarche` (FNSimple), `description` (MAPA) or
/// `descriptionMarche` (DSP).
fn subject(part: &Value, notice: &mut Notice, reading: &mut Reading) {
    let titles = [
        "natureMarche.intitule",
        "descriptionMarche.titreMarche",
        "descriptionMarche.intitule",
        "descriptionMarche.titre",
    ];
    for path in titles {
        if notice.title.is_empty() {
            french(&mut notice.title, path, part, reading);
        }
    }
    // A MAPA has one text for what is bought; it is the description, its short form in `gestion` the title.
    for path in [
        "natureMarche.description",
        "descriptionMarche.description",
        "description.objet",
        "descriptionReduite.objet",
        "caracteristiques.principales",
        "caracteristiques.quantites",
    ] {
        french(&mut notice.description, path, part, reading);
    }
    for (base, value) in
        [("natureMarche", at(part, "natureMarche")), ("descriptionMarche", at(part, "descriptionMarche"))]
    {
        if let Some(value) = value {
            cpv(value, base, &mut notice.cpv, reading);
            nuts(value, base, notice, reading);
        }
    }
    for path in ["natureMarche.natureMarche", "descriptionMarche.typeMarche", "natureMarche.typeMarche"] {
        if notice.nature.is_none() {
            notice.nature = at(part, path).map(names).unwrap_or_default().into_iter().find_map(kind);
        }
    }
    for path in ["natureMarche.valeurEstimee", "descriptionMarche.valeurEstimee", "descriptionMarche.valeur"] {
        if notice.estimated_value.is_none() {
            notice.estimated_value = estimate(part, path, reading);
        }
    }
    for path in ["natureMarche.lieuExecution", "description.lieuExecutionLivraison.ville"] {
        if let Some(written) = text_at(part, path).and_then(|text| reading.line(&unescaped(&text))) {
            reading.keep(path, written);
        }
    }
}

/// `codeCPV.objetPrincipal.classPrincipale` and `objetComplementaire` / `objetSecondaire`.
fn cpv(value: &Value, base: &str, into: &mut Vec<String>, reading: &mut Reading) {
    for prefix in ["codeCPV.", "CPV.", ""] {
        for name in ["objetPrincipal", "objetComplementaire", "objetSecondaire"] {
            for code in all(value, &format!("{prefix}{name}.classPrincipale")).into_iter().filter_map(json::text) {
                for code in reading.cpv(&format!("{base}.{prefix}{name}"), &code) {
                    push_new(into, code);
                }
            }
        }
    }
}

fn nuts(value: &Value, base: &str, notice: &mut Notice, reading: &mut Reading) {
    for name in ["codeNUTS", "lieuExecution.codeNUTS", "lieuExecution.codeNuts"] {
        for code in all(value, name).into_iter().filter_map(json::text) {
            if let Some(nuts) = reading.nuts(&format!("{base}.{name}"), &code) {
                push_new(&mut notice.places, place_of_nuts(nuts));
            }
        }
    }
}

/// One value, or a range of which the upper end counts; euros unless said otherwise.
fn estimate(part: &Value, path: &str, reading: &mut Reading) -> Option<Amount> {
    let value = at(part, path)?;
    let currency = text_at(value, "@devise").or_else(|| text_at(value, "@DEVISE"));
    if let Some(low) = text_at(value, "fourchette.valeurBasse") {
        reading.keep(format!("{path}.fourchette.valeurBasse"), low.as_ref());
    }
    let written =
        ["valeur", "fourchette.valeurHaute", "fourchette.valeurBasse"].iter().find_map(|name| text_at(value, name));
    let written = written.or_else(|| json::text(value))?;
    reading.amount(path, &written, Some(currency.as_deref().unwrap_or("EUR")), MoneyKind::Estimate, Vat::Ex)
}

fn lots(part: &Value, notice: &mut Notice, reading: &mut Reading) {
    let found = ["lots.lot", "lot", "renseignementsLots.lot"].into_iter().map(|path| all(part, path));
    let found = found.into_iter().find(|lots| !lots.is_empty()).unwrap_or_default();
    for (number, value) in found.into_iter().enumerate() {
        let own = ["numLot", "numero", "num"].iter().find_map(|name| text_at(value, name));
        let mut lot =
            Lot::new(own.map_or_else(|| (number + 1).to_string(), std::borrow::Cow::into_owned), LotKind::Lot);
        french(&mut lot.title, "intitule", value, reading);
        french(&mut lot.description, "description", value, reading);
        cpv(value, "lots.lot", &mut lot.cpv, reading);
        lot.estimated_value = estimate(value, "valeurEstimee", reading);
        lot.duration = duration(value, reading);
        push_new(&mut notice.lots, lot);
    }
    let own = ["natureMarche", "duree", "descriptionMarche"].iter().find_map(|name| duration(at(part, name)?, reading));
    if let Some(own) = own {
        if notice.lots.is_empty() {
            // The whole contract is its own lot.
            put(&mut notice.lots, Lot::new("1", LotKind::Lot));
        }
        for lot in notice.lots.iter_mut().filter(|lot| lot.duration.is_none()) {
            lot.duration = Some(own.clone());
        }
    }
}

fn duration(value: &Value, reading: &mut Reading) -> Option<Duration> {
    let mut found = Duration::default();
    for (names, unit) in [(["dureeMois", "nbMois"], "MONTH"), (["dureeJours", "nbJours"], "DAY")] {
        for name in names {
            if found.amount.is_none()
                && let Some(written) = text_at(value, name)
            {
                found.amount = reading.count(name, &written);
                found.unit = found.amount.map(|_| unit.to_owned());
            }
        }
    }
    for name in ["dateDebut", "dateACompterDu"] {
        found.starts_on = found.starts_on.or_else(|| reading.date(name, &text_at(value, name)?));
    }
    for name in ["dateFin", "jusquau"] {
        found.ends_on = found.ends_on.or_else(|| reading.date(name, &text_at(value, name)?));
    }
    (found != Duration::default()).then_some(found)
}

/// The name of the first element below `procedure` that is a procedure.
fn procedure(part: &Value, notice: &mut Notice, reading: &mut Reading) {
    let words = at(part, "procedure").map(names).unwrap_or_default();
    for inside in at(part, "procedure.typeProcedure").map(names).unwrap_or_default().into_iter().chain(words) {
        if let Some(code) = super::procedure_of_words(inside) {
            notice.procedure_type = Some(code.to_owned());
            reading.keep("procedure", inside);
            return;
        }
    }
}

/// Results of a MAPA name their holders; those of FNSimple are free text, which is not read.
fn awards(part: &Value, notice: &mut Notice, reading: &mut Reading) {
    let received = ["autresInformations.nbOffresRecues", "nbOffresRecues"]
        .iter()
        .find_map(|path| text_at(part, path).and_then(|count| reading.count(path, &count)));
    for decision in all(part, "attribution") {
        let outcome = at(decision, "resultat").map(names).unwrap_or_default();
        let closed = outcome.iter().any(|word| matches!(super::plain(word).as_str(), "SANSSUITE" | "INFRUCTUEUX"));
        for word in &outcome {
            reading.keep_in_list("attribution.resultat", word);
        }
        let entries = ["decision", "lot", "marche"].into_iter().map(|name| all(decision, name));
        let entries = entries.into_iter().find(|entries| !entries.is_empty()).unwrap_or_else(|| vec![decision]);
        for entry in entries {
            let mut award = Award { tenders_received: received, ..Award::default() };
            award.status = Some(if closed { "clos-nw" } else { "selec-w" }.to_owned());
            award.lot = ["numLot", "numero", "num"]
                .iter()
                .find_map(|name| text_at(entry, name))
                .map(std::borrow::Cow::into_owned);
            award.contract_id = text_at(entry, "numMarche").map(std::borrow::Cow::into_owned);
            french(&mut award.title, "intitule", entry, reading);
            for name in ["titulaire", "attributaire"] {
                for holder in all(entry, name) {
                    award.suppliers.extend(supplier(holder, reading));
                }
            }
            for name in ["montant", "valeur"] {
                if award.value.is_none()
                    && let Some(value) = at(entry, name)
                    && let Some(written) = json::text(value)
                {
                    let currency = text_at(value, "@devise");
                    let currency = currency.as_deref().unwrap_or("EUR");
                    award.value = reading.amount(name, &written, Some(currency), MoneyKind::Award, Vat::Unknown);
                }
            }
            award.decided_on =
                ["dateAttribution", "dateDecision"].iter().find_map(|name| reading.date(name, &text_at(entry, name)?));
            push_new(&mut notice.awards, award);
        }
    }
}

fn supplier(holder: &Value, reading: &Reading) -> Option<Organisation> {
    let name = ["denomination", "nom", "raisonSociale", "nomOfficiel"].iter().find_map(|name| text_at(holder, name))?;
    let city = text_at(holder, "ville").or_else(|| text_at(holder, "adr.ville"));
    let city = city.and_then(|city| reading.line(&unescaped(&city)));
    Some(Organisation { name: reading.line(&unescaped(&name)), city, ..Organisation::default() })
}
