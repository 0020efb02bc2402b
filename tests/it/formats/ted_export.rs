//! TED_EXPORT: every real notice is read; what a second reader (roxmltree, by the forms' own element names) finds in
//! it is in the notice; a corrigendum, an award, a notice of free text and a defence form as golden pairs beside.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node};
use tenderwatch::formats::privacy;
use tenderwatch::notice::{Amount, Notice};

use super::{Coverage, archive, document};

const ARCHIVES: [&str; 3] = ["ted-export-r207-2011", "ted-export-r208", "ted-export-r209"];

fn corpus_files(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> =
        ARCHIVES.iter().flat_map(|name| archive(&corpus.join(format!("ted/{name}.tar.gz")))).collect();
    found.extend(joint_evidence(corpus));
    found
}

fn joint_evidence(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in super::entries(&corpus.join("plans/jpp-evidence")) {
        let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".gz") {
            let mut body = Vec::new();
            let file = std::fs::File::open(&entry).expect("readable");
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut body).expect("gzip");
            found.push((name.to_owned(), body));
        }
    }
    found
}

fn is(node: &Node<'_, '_>, names: &[&str]) -> bool {
    names.contains(&node.tag_name().name())
}

fn under<'a>(node: Node<'a, 'a>, names: &[&str]) -> Vec<Node<'a, 'a>> {
    node.descendants().filter(|found| found.is_element() && is(found, names)).collect()
}

/// All text inside, without blanks: where lines break is not compared.
fn squeezed(node: Node<'_, '_>) -> String {
    let text: String = node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect();
    text.split_whitespace().collect()
}

fn original<'a>(root: Node<'a, 'a>) -> Option<Node<'a, 'a>> {
    let section = root.children().find(|node| is(node, &["FORM_SECTION"]))?;
    section.children().find(|node| node.attribute("CATEGORY") == Some("ORIGINAL"))
}

/// Not inside any of these.
fn outside(node: &Node<'_, '_>, names: &[&str]) -> bool {
    !node.ancestors().skip(1).any(|around| is(&around, names))
}

fn amount_of(amount: Option<&Amount>) -> Option<String> {
    amount.and_then(Amount::known).map(|money| money.amount.normalize().to_string())
}

fn plain(text: &str) -> Option<String> {
    text.trim().parse::<rust_decimal::Decimal>().ok().map(|number| number.normalize().to_string())
}

/// Every field that the second reader finds, and whether the notice has the same.
#[expect(clippy::too_many_lines, reason = "one walk through every field")]
fn compare(root: Node<'_, '_>, notice: &Notice) -> Vec<(&'static str, bool)> {
    let mut found: Vec<(&'static str, bool)> = Vec::new();
    let data = |name: &str| under(root, &["CODED_DATA_SECTION"])[0].descendants().find(|node| is(node, &[name]));
    let text = |node: Node<'_, '_>| node.text().unwrap_or("").trim().to_owned();
    let json = serde_json::to_string(notice).expect("JSON");
    let no_mask = |text: &str| !text.contains('@') && !json.contains("[telephone]") && !json.contains("[e-mail]");

    let number = data("NO_DOC_OJS").map(text).expect("every notice has a number");
    let year = &number[..4];
    let tail = number.rsplit('-').next().expect("a number");
    found.push(("id", notice.publication_id.as_deref() == Some(&format!("{tail}-{year}"))));
    for (field, name, ours) in [
        ("published_on", "DATE_PUB", notice.published_on),
        ("dispatched_at", "DS_DATE_DISPATCH", notice.dispatched_at.as_ref().map(|moment| moment.date)),
    ] {
        if let Some(day) = data(name).map(text) {
            found.push((field, ours.is_some_and(|ours| ours.strftime("%Y%m%d").to_string() == day[..8])));
        }
    }
    if let Some(day) = data("DT_DATE_FOR_SUBMISSION").map(text) {
        let ours = notice.deadline.as_ref().map(|deadline| deadline.date().strftime("%Y%m%d").to_string());
        found.push(("deadline", ours.as_deref() == Some(&day[..8])));
    }
    let codes = under(root, &["ORIGINAL_CPV"]);
    let codes: Vec<&str> = codes.iter().filter_map(|node| node.attribute("CODE")).collect();
    found.push(("cpv", codes.iter().all(|code| notice.cpv.iter().any(|ours| ours == code))));
    let referred = under(root, &["REF_NOTICE"]);
    if let Some(node) = referred.first().and_then(|node| under(*node, &["NO_DOC_OJS"]).into_iter().next()) {
        let tail = node.text().unwrap_or("").trim().rsplit('-').next().unwrap_or("").to_owned();
        found.push(("related", notice.related.iter().any(|related| related.id.starts_with(&tail))));
    }
    found.push(("title", !notice.title.is_empty()));
    let Some(form) = original(root) else {
        return found;
    };
    let language = form.attribute("LG").unwrap_or("").to_lowercase();
    let titles = ["TITLE", "TITLE_CONTRACT", "TITLE_DESIGN_CONTACT_NOTICE", "TITLE_QUALIFICATION_SYSTEM"];
    let blocks = ["OBJECT_DESCR", "AWARD_CONTRACT", "AWARD_AND_CONTRACT_VALUE", "LOT_PRIOR_INFORMATION"];
    let in_block = |node: &Node<'_, '_>| {
        outside(node, &blocks) && !node.ancestors().any(|around| around.tag_name().name().ends_with("_ANNEX_B"))
    };
    let title = under(form, &titles).into_iter().find(in_block).map(squeezed).filter(|text| !text.is_empty());
    if let Some(title) = title.filter(|title| no_mask(title)) {
        let ours: String = notice.title.get(&language).unwrap_or("").split_whitespace().collect();
        found.push(("title in its language", ours.contains(&title)));
    }
    let about = ["SHORT_DESCR", "SHORT_CONTRACT_DESCRIPTION", "SHORT_DESCRIPTION", "SHORT_DESCRIPTION_CONTRACT"];
    let other = ["DESCRIPTION_OF_CONTRACT", "CONTENTS", "TOTAL_QUANTITY_OR_SCOPE"];
    let description = under(form, &about).into_iter().chain(under(form, &other)).next();
    if let Some(node) = description {
        found.push(("description", squeezed(node).is_empty() || !notice.description.is_empty()));
        let lots = notice.lots.iter().flat_map(|lot| lot.description.iter());
        let texts = notice.description.iter().chain(lots).map(|(_, text)| text);
        let kept = notice.extra.get("INFO_MODIFICATIONS/SHORT_DESCR").and_then(|text| text.as_str());
        let ours: String = texts.chain(kept).flat_map(str::split_whitespace).collect();
        let whole = squeezed(node);
        if !is(&node, &["CONTENTS"]) && no_mask(&whole) {
            found.push(("description word for word", ours.contains(&whole)));
        }
    }
    let buyers = ["ADDRESS_CONTRACTING_BODY", "ADDRESS_CONTRACTING_BODY_ADDITIONAL", "CA_CE_CONCESSIONAIRE_PROFILE"];
    let mut names: Vec<String> = Vec::new();
    for node in under(form, &buyers) {
        let name = under(node, &["OFFICIALNAME"]).into_iter().chain(under(node, &["ORGANISATION"])).next();
        let name = name.map(squeezed).filter(|name| !name.is_empty());
        names.extend(name.filter(|name| no_mask(name)));
    }
    let ours: Vec<String> = notice
        .buyers
        .iter()
        .filter_map(|buyer| buyer.name.as_ref())
        .map(|name| name.split_whitespace().collect::<String>())
        .collect();
    found.push(("buyers", !notice.buyers.is_empty() && names.iter().all(|name| ours.contains(name))));

    let lots = under(form, &["LOT_NO", "LOT_NUMBER"]);
    let lots: Vec<String> = lots.into_iter().filter(|node| outside(node, &["CHANGE"])).map(squeezed).collect();
    let ids: Vec<String> = notice.lots.iter().map(|lot| lot.id.split_whitespace().collect()).collect();
    let several = under(form, &["OBJECT_CONTRACT"]).len() > 1;
    if !lots.is_empty() {
        let known = |lot: &String| ids.contains(lot) || several && ids.iter().any(|id| id.ends_with(lot.as_str()));
        found.push(("lots", lots.iter().filter(|lot| !lot.is_empty()).all(known)));
    }
    let estimates = under(form, &["VAL_ESTIMATED_TOTAL"]);
    let estimates: Vec<_> = estimates.into_iter().filter(|node| outside(node, &["AWARD_CONTRACT"])).collect();
    if let [one] = estimates[..] {
        found.push(("estimated value", plain(&text(one)) == amount_of(notice.estimated_value.as_ref())));
    }
    let totals = under(form, &["VAL_TOTAL"]);
    if let Some(node) = totals.iter().find(|node| outside(node, &["AWARD_CONTRACT", "MODIFICATIONS_CONTRACT"])) {
        found.push(("awarded value", plain(&text(*node)) == amount_of(notice.awarded_value.as_ref())));
    }
    for (field, names) in [
        ("awarded value", &["TOTAL_FINAL_VALUE"][..]),
        ("estimated value", &["QUANTITY_SCOPE", "QUANTITY_SCOPE_WORKS"]),
    ] {
        let block = under(form, names).into_iter().find(in_block);
        let value = block.and_then(|node| under(node, &["VALUE_COST", "HIGH_VALUE"]).into_iter().next());
        if let Some(written) = value.and_then(|node| node.attribute("FMTVAL")) {
            let ours = if field == "awarded value" { &notice.awarded_value } else { &notice.estimated_value };
            found.push((field, plain(written) == amount_of(ours.as_ref())));
        }
    }
    let awards = [
        "AWARD_CONTRACT",
        "AWARD_OF_CONTRACT",
        "AWARD_OF_CONTRACT_DEFENCE",
        "AWARD_AND_CONTRACT_VALUE",
        "RESULT_CONTEST",
        "AWARDED_PRIZE",
        "NO_AWARDED_PRIZE",
    ];
    let awards: Vec<_> = under(form, &awards).into_iter().filter(roxmltree::Node::has_children).collect();
    if !awards.is_empty() {
        let of = |names: &[&str]| awards.iter().filter(|award| !under(**award, names).is_empty()).count();
        found.push(("awards", notice.awards.len() >= of(&["CONTRACTOR", "WINNER", "ECONOMIC_OPERATOR_NAME_ADDRESS"])));
        let winners = ["ADDRESS_CONTRACTOR", "ADDRESS_WINNER", "CONTACT_DATA_WITHOUT_RESPONSIBLE_NAME"];
        let mut all = true;
        let mut some = false;
        for node in awards.iter().flat_map(|award| under(*award, &winners)) {
            let name = under(node, &["OFFICIALNAME"]).into_iter().chain(under(node, &["ORGANISATION"])).next();
            let Some(name) = name.map(squeezed).filter(|name| !name.is_empty() && no_mask(name)) else { continue };
            some = true;
            all &= notice
                .suppliers
                .iter()
                .filter_map(|supplier| supplier.name.as_ref())
                .any(|ours| ours.split_whitespace().collect::<String>() == name);
        }
        if some {
            found.push(("winners", all));
        }
        let received = of(&["NB_TENDERS_RECEIVED", "OFFERS_RECEIVED_NUMBER", "NUMBER_OF_OFFERS_RECEIVED"]);
        if received > 0 {
            let ours = notice.awards.iter().filter(|award| award.tenders_received.is_some()).count();
            found.push(("tenders received", ours >= received));
        }
        let dates = of(&["DATE_CONCLUSION_CONTRACT", "CONTRACT_AWARD_DATE", "DATE_OF_CONTRACT_AWARD"]);
        if dates > 0 {
            found
                .push(("decided on", notice.awards.iter().filter(|award| award.decided_on.is_some()).count() >= dates));
        }
        let values = awards.iter().filter(|award| {
            let written = under(**award, &["VAL_TOTAL"]);
            let costs = under(**award, &["COSTS_RANGE_AND_CURRENCY_WITH_VAT_RATE"]);
            let machine =
                costs.iter().any(|node| under(*node, &["VALUE_COST"]).iter().any(|v| v.has_attribute("FMTVAL")));
            !written.is_empty() || machine
        });
        let values = values.count();
        if values > 0 {
            found.push(("award value", notice.awards.iter().filter(|award| award.value.is_some()).count() >= values));
        }
    }
    found
}

struct Seen {
    fields: BTreeMap<&'static str, (usize, usize)>,
    misses: Vec<String>,
}

fn walk(corpus: &Path) -> Seen {
    let mut seen = Seen { fields: BTreeMap::new(), misses: Vec::new() };
    for (name, body) in corpus_files(corpus) {
        let text = std::str::from_utf8(&body).expect("the corpus is UTF-8");
        let options = roxmltree::ParsingOptions { nodes_limit: 2_000_000, ..Default::default() };
        let tree = Document::parse_with_options(text, options).expect("the corpus is well-formed");
        let parsed = tenderwatch::formats::parse(&document(&name, body.clone()), None).expect("a real notice is read");
        let [notice] = &parsed.notices[..] else { panic!("{name}: one notice") };
        for (field, same) in compare(tree.root_element(), notice) {
            let entry = seen.fields.entry(field).or_default();
            entry.0 += 1;
            entry.1 += usize::from(same);
            if !same {
                seen.misses.push(format!("{field}: {name}"));
            }
        }
    }
    seen
}

pub fn coverage(corpus: &Path) -> Vec<Coverage> {
    let lines = walk(corpus).fields.into_iter();
    lines.map(|(field, (there, read))| Coverage { format: "ted-export", field, there, read, why: why(field) }).collect()
}

fn why(_field: &str) -> &'static str {
    ""
}

#[test]
fn every_field_that_a_second_reader_finds_is_read() {
    let Some(corpus) = crate::corpus() else { return };
    let seen = walk(&corpus);
    for (field, (there, read)) in &seen.fields {
        eprintln!("{field:28} {read:5} of {there:5}");
    }
    let missed: Vec<&String> =
        seen.misses.iter().filter(|miss| why(miss.split(':').next().unwrap_or("")).is_empty()).collect();
    for miss in &missed {
        eprintln!("{miss}");
    }
    assert!(missed.is_empty(), "{} misses", missed.len());
}

#[test]
fn every_real_notice_is_one_notice_without_contact_data() {
    let Some(corpus) = crate::corpus() else { return };
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let contacts = privacy::CONTACTS.iter().find(|(format, _)| *format == "ted-export").expect("a line").1;
    let mut leaks = Vec::new();
    let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, body) in corpus_files(&corpus) {
        let parsed = tenderwatch::formats::parse(&document(&name, body.clone()), None).expect("a real notice is read");
        assert_eq!((parsed.records.read, parsed.notices.len()), (1, 1), "{name}");
        assert!(parsed.issues.is_empty(), "{name}");
        let notice = &parsed.notices[0];
        *stages.entry(notice.stage.as_str()).or_default() += 1;
        for issue in &notice.issues {
            *found.entry(issue.code.as_str()).or_default() += 1;
        }
        let json = serde_json::to_string(notice).expect("JSON");
        assert_eq!(serde_json::from_str::<Notice>(&json).expect("and back"), *notice, "{name}");
        let text = String::from_utf8(body).expect("UTF-8");
        let options = roxmltree::ParsingOptions { nodes_limit: 2_000_000, ..Default::default() };
        let tree = Document::parse_with_options(&text, options).expect("well-formed");
        for node in under(tree.root_element(), &["E_MAIL", "PHONE", "FAX", "CONTACT_POINT", "ATTENTION"]) {
            let contact = node.descendants().filter_map(|inner| inner.text()).collect::<String>();
            let contact = contact.trim();
            let number = matches!(node.tag_name().name(), "E_MAIL" | "PHONE" | "FAX");
            if number && contact.len() >= 9 && json.contains(contact) {
                leaks.push(format!("{name} {}: {contact}", node.tag_name().name()));
            }
        }
        assert!(contacts.contains(&"CONTACT_POINT"));
    }
    eprintln!("{stages:?}\n{found:?}");
    for leak in leaks.iter().take(20) {
        eprintln!("{leak}");
    }
    assert!(leaks.is_empty(), "{} leaks", leaks.len());
}

#[test]
fn joint_procurement_is_seen_with_its_evidence() {
    let Some(corpus) = crate::corpus() else { return };
    let index = std::fs::read_to_string(corpus.join("plans/jpp-evidence/index.tsv")).expect("an index");
    let bodies: BTreeMap<String, Vec<u8>> = joint_evidence(&corpus).into_iter().collect();
    let mut wrong = Vec::new();
    for line in index.lines().skip(1) {
        let mut cells = line.split('\t');
        let (name, label) = (cells.next().expect("a file"), cells.next().expect("a label"));
        let notice = super::one(bodies[name].clone());
        let has = |sign: &str| notice.joint.as_ref().is_some_and(|joint| joint.evidence.iter().any(|one| one == sign));
        let right = match label {
            "multi_country" => notice.joint.as_ref().is_some_and(|joint| joint.cross_border && joint.buyers > 1),
            "joint_flag_domestic" => has("joint-procurement") && !notice.joint.as_ref().is_some_and(|j| j.cross_border),
            "law_text_only" => notice.extra.contains_key("CONTRACTING_BODY/PROCUREMENT_LAW"),
            other => panic!("a new label {other}"),
        };
        if !right {
            wrong.push(format!("{name} {label}: {:?}", notice.joint));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
