//! Bytes as they came, before anyone interpreted them, and what is needed to replay them without a network.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{RawId, RunId, SourceId};

/// Where a document came from: all that a replay needs, and nothing that was interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who published it.
    pub source: SourceId,
    /// The address it was asked from, or `file:<name as given>` for an import.
    pub url: String,
    /// When it came, by the clock of the run.
    pub fetched_at: Timestamp,
    /// The run that brought it.
    pub run: RunId,
    /// HTTP status; absent for an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Response headers worth keeping (content type, validators, disposition), names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The member inside a package or archive (`20260717_136/00497150_2026.xml`), outermost first when nested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member: Vec<String>,
    /// SHA-256 of the package that held the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<RawId>,
    /// The format or definition that the operator named; a replay reads it with the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// Whether it was asked for a row of a list: what it says stands, and the list does not write over it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detail: bool,
}

impl Origin {
    /// The name to print for this document: the member's path, else the address.
    pub fn name(&self) -> &str {
        self.member.last().map_or(&self.url, |member| member)
    }
}

/// One document as it came.
#[derive(Clone, Debug)]
pub struct RawDocument {
    /// SHA-256 of `body`.
    pub id: RawId,
    /// Where it came from.
    pub origin: Origin,
    /// The bytes, decompressed from transport and container.
    pub body: Bytes,
}

impl RawDocument {
    /// Addresses the bytes.
    pub fn new(origin: Origin, body: Bytes) -> Self {
        Self { id: RawId::of(&body), origin, body }
    }
}
