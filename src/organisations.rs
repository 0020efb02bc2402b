//! Who is this organisation? Names and identifiers as published → one stable cluster per body.
//!
//! It answers how a name reads without case, accents, script and legal form ([`normalised`]), what identifies an
//! organisation ([`keys`]), which occurrences are the same one ([`Registry`]), and of what kind a buyer is ([`Kinds`]). It
//! is pure: no store, no clock.

mod key;
mod kinds;
mod latin;
mod name;
mod register;
mod registry;

pub use self::key::{Key, KeyKind, keys};
pub use self::kinds::{ANY, BUYERS, CodeList, Kind, KindEvidence, KindFound, Kinds};
pub use self::name::normalised;
pub use self::registry::{Cluster, Clusters, Doubt, DoubtReason, Occurrence, Registry};
