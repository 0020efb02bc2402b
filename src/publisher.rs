//! The bundled example publisher: invented notices in real eForms XML, served on loopback the way TED serves its own.
//!
//! [`Plan`] says what is published, [`Gazette`] gives issues, notices and packages, and [`serve()`] puts them behind
//! HTTP with packages, a Search API and planted faults. `demo`, tests and benches use it; it knows nothing about how
//! notices are fetched, read or classified.

mod api;
mod calendar;
mod definition;
mod invent;
mod package;
mod plan;
mod serve;
mod texts;
mod xml;

pub use self::calendar::OjIssue;
pub use self::definition::definition_at;
pub use self::plan::{
    Case, Closing, ClosingOf, Earlier, Expected, Gazette, Kind, Party, Plan, PlannedLot, PlannedNotice, Planted, Texts,
    Value,
};
pub use self::serve::{Faults, Options, Publisher, Seen, serve};
