//! `<project>`: the XML file of one project.

use super::{FIELDS, Partner, Project};
use crate::formats::{ParseError, xml};

type Node<'t> = xml::Node<'t, &'static str>;

/// The elements around and beside the fields; the tree knows all names by their own text.
const AROUND: &[&str] = &[
    "project",
    "identifiers",
    "relations",
    "associations",
    "organization",
    "legalName",
    "shortName",
    "address",
    "city",
    "country",
    "url",
    "categories",
    "category",
    "code",
    "regions",
    "region",
    "nutsCode",
    "programme",
    "call",
    "identifier",
    "displayCode",
];

const VOCABULARY: xml::Vocabulary<&'static str> = xml::Vocabulary {
    // Older releases bind `http://cordis.europa.eu`, the present one binds nothing.
    element: |namespace, local| {
        (namespace.is_empty() || namespace.contains("cordis.europa.eu"))
            .then(|| AROUND.iter().chain(FIELDS).find(|name| **name == local).copied())
            .flatten()
    },
    attributes: &["type", "classification", "ecContribution", "sme", "terminated"],
    flow: None,
};

pub(super) fn sniff(bytes: &[u8]) -> bool {
    xml::root_of(bytes).is_ok_and(|root| {
        root.local == "project" && (root.namespace.is_empty() || root.namespace.contains("cordis.europa.eu"))
    }) && memchr::memmem::find(bytes, b"<rcn>").is_some()
}

fn text<'t>(node: Node<'t>, path: &[&'static str]) -> &'t str {
    node.path(path).map_or("", Node::text)
}

pub(super) fn project(document: &xml::Document<'_>) -> Result<Option<Project>, ParseError> {
    let Some(tree) = document.read(&VOCABULARY)? else { return Ok(None) };
    let root = tree.root();
    let mut found = Project::default();
    for name in FIELDS {
        let value = match *name {
            "grantDoi" => text(root, &["identifiers", "grantDoi"]),
            name => text(root, &[name]),
        };
        if !value.is_empty() {
            found.fields.push((name, value.to_owned()));
        }
    }
    // Only direct children: related articles nest relations of their own.
    for relations in root.all("relations") {
        for node in relations.all("associations").flat_map(Node::children) {
            association(node, &mut found);
        }
        for category in relations.all("categories").flat_map(|node| node.all("category")) {
            let code = text(category, &["code"]).to_owned();
            match category.attribute("classification") {
                Some("euroSciVoc") => {
                    let path = Some(text(category, &["displayCode"])).filter(|path| !path.is_empty());
                    found.classes.push(path.unwrap_or(&code).to_owned());
                }
                Some("projectFundingSchemeCategory" | "fundingScheme") => found.schemes.push(code),
                _ => {}
            }
        }
    }
    Ok(Some(found))
}

fn association(node: Node<'_>, found: &mut Project) {
    let kind = node.attribute("type").unwrap_or("");
    match (node.name(), kind) {
        ("organization", _) => found.partners.push(partner(node, kind)),
        ("programme", "relatedTopic") => {
            found.topics.push((text(node, &["code"]).to_owned(), text(node, &["title"]).to_owned()));
        }
        ("programme", "relatedLegalBasis") => found.legal_bases.push(text(node, &["code"]).to_owned()),
        ("call", _) => {
            let code = text(node, &["identifier"]).to_owned();
            if !found.calls.contains(&code) {
                found.calls.push(code);
            }
        }
        _ => {}
    }
}

fn partner(node: Node<'_>, role: &str) -> Partner {
    let own = |path: &[&'static str]| text(node, path).to_owned();
    let activity = node
        .path(&["relations", "categories"])
        .into_iter()
        .flat_map(|categories| categories.all("category"))
        .find(|category| category.attribute("classification") == Some("organizationActivityType"));
    let region = node
        .path(&["relations", "regions"])
        .into_iter()
        .flat_map(|regions| regions.all("region"))
        .find(|region| region.attribute("type") == Some("relatedNutsCode"));
    Partner {
        pic: own(&["id"]),
        name: own(&["legalName"]),
        short: own(&["shortName"]),
        role: role.to_owned(),
        activity: activity.map_or("", |node| text(node, &["code"])).trim_start_matches('/').to_owned(),
        country: own(&["address", "country"]),
        city: own(&["address", "city"]),
        nuts: region.map_or("", |node| text(node, &["nutsCode"])).to_owned(),
        website: own(&["address", "url"]),
        contribution: node.attribute("ecContribution").unwrap_or("").to_owned(),
        sme: node.attribute("sme").unwrap_or("").to_owned(),
        terminated: node.attribute("terminated") == Some("true"),
    }
}
