//! What a mapping may fill: the notice's fields under the names of the dialect, and those of its parts.

/// What a target takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Plain values: codes, dates, addresses, CPV.
    Plain,
    /// Text per language.
    Text,
    /// Amounts.
    Money,
    /// Parts with fields of their own.
    Parts(&'static [(&'static str, Kind)]),
}

/// A buyer or supplier.
pub const ORGANISATION: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("id", Kind::Plain),
    ("scheme", Kind::Plain),
    ("country", Kind::Plain),
    ("nuts", Kind::Plain),
    ("city", Kind::Plain),
    ("website", Kind::Plain),
    ("legal_type", Kind::Plain),
    ("activity", Kind::Plain),
    ("size", Kind::Plain),
    ("roles", Kind::Plain),
    ("natural_person", Kind::Plain),
];

/// A place of performance.
pub const PLACE: &[(&str, Kind)] = &[("country", Kind::Plain), ("nuts", Kind::Plain), ("region", Kind::Plain)];

/// A lot.
pub const LOT: &[(&str, Kind)] = &[
    ("id", Kind::Plain),
    ("kind", Kind::Plain),
    ("title", Kind::Text),
    ("description", Kind::Text),
    ("cpv", Kind::Plain),
    ("nature", Kind::Plain),
    ("value", Kind::Money),
    ("deadline", Kind::Plain),
    ("months", Kind::Plain),
    ("days", Kind::Plain),
    ("starts", Kind::Plain),
    ("ends", Kind::Plain),
    ("places", Kind::Parts(PLACE)),
    ("submission_url", Kind::Plain),
];

/// The outcome of a lot.
pub const AWARD: &[(&str, Kind)] = &[
    ("lot", Kind::Plain),
    ("suppliers", Kind::Parts(ORGANISATION)),
    ("value", Kind::Money),
    ("tenders", Kind::Plain),
    ("decided", Kind::Plain),
    ("status", Kind::Plain),
    ("reason", Kind::Plain),
    ("contract_id", Kind::Plain),
    ("title", Kind::Text),
];

/// A reference to another notice.
pub const RELATED: &[(&str, Kind)] = &[("id", Kind::Plain), ("relation", Kind::Plain), ("evidence", Kind::Plain)];

/// A notice.
pub const NOTICE: &[(&str, Kind)] = &[
    ("language", Kind::Plain),
    ("id", Kind::Plain),
    ("type", Kind::Plain),
    ("correction", Kind::Plain),
    ("subtype", Kind::Plain),
    ("title", Kind::Text),
    ("description", Kind::Text),
    ("url", Kind::Plain),
    ("published", Kind::Plain),
    ("dispatched", Kind::Plain),
    ("deadline", Kind::Plain),
    ("buyers", Kind::Parts(ORGANISATION)),
    ("suppliers", Kind::Parts(ORGANISATION)),
    ("places", Kind::Parts(PLACE)),
    ("cpv", Kind::Plain),
    ("value", Kind::Money),
    ("procedure", Kind::Plain),
    ("nature", Kind::Plain),
    ("techniques", Kind::Plain),
    ("innovation", Kind::Plain),
    ("legal_basis", Kind::Plain),
    ("documents_url", Kind::Plain),
    ("procedure_id", Kind::Plain),
    ("notice_uuid", Kind::Plain),
    ("version", Kind::Plain),
    ("ocid", Kind::Plain),
    ("eu_funded", Kind::Plain),
    ("eu_programmes", Kind::Plain),
    ("eu_projects", Kind::Plain),
    ("lots", Kind::Parts(LOT)),
    ("awards", Kind::Parts(AWARD)),
    ("related", Kind::Parts(RELATED)),
];
