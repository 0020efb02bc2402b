//! Who is this organisation? Names and identifiers as published → one stable cluster per body.
//!
//! It answers how a name reads without case, accents, script and legal form ([`normalised`]), and what identifies an
//! organisation. It is pure: no store, no clock.

mod latin;
mod name;

pub use self::name::normalised;
