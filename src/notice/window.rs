//! When something is planned: an interval, and how precisely it was said.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An interval of days, both included. A year is 1 January to 31 December: the precision says that no day was meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first day that fits.
    pub from: Date,
    /// The last day that fits.
    pub to: Date,
    /// The unit that was said.
    pub precision: Precision,
    /// What happens then.
    pub meaning: WindowMeaning,
}

/// The unit of a stated time; of a range, that of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// A calendar day.
    Day,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// Six months.
    HalfYear,
    /// A year.
    Year,
}

/// What is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowMeaning {
    /// The call is published, or the procedure begins.
    Launch,
    /// The contract is awarded or signed.
    Contract,
    /// The contract begins to run.
    Start,
    /// The contract ends.
    End,
}
