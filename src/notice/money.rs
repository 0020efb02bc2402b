//! Money: decimal and currency, never a float; masked amounts are not numbers.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// The value as printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

closed! {
    /// What an amount stands for; kinds are never added to each other.
    MoneyKind {
        /// BT-27: estimated before the call.
        Estimate = "estimate",
        /// Money set aside.
        Budget = "budget",
        /// The most that a framework may draw.
        Ceiling = "ceiling",
        /// What was awarded.
        Award = "award",
        /// A price per piece.
        Unit = "unit",
    }
}

closed! {
    /// Whether VAT is inside.
    Vat {
        /// Included.
        In = "in",
        /// Excluded.
        Ex = "ex",
        /// Not said.
        Unknown = "unknown",
    }
}

/// An amount with its currency, its kind and its VAT state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Decimal; a string in JSON.
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// What it stands for.
    pub kind: MoneyKind,
    /// Whether VAT is inside.
    pub vat: Vat,
}

/// The amount that stands for a notice, in euro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    /// Always in euro, to the cent. Only amounts of one kind may be added.
    #[serde(flatten)]
    pub money: Money,
    /// Converted with the last rate known, which lies before the day of publication.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
}

/// A published amount, or the fact that it is withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Published.
    Known(Money),
    /// Masked by the publisher, until a date if one was given. JSON: `{"withheld_until": date or null}`.
    Withheld {
        /// When it will be published, if said.
        until: Option<Date>,
    },
}

impl Amount {
    /// The money, unless withheld.
    pub fn known(&self) -> Option<&Money> {
        match self {
            Self::Known(money) => Some(money),
            Self::Withheld { .. } => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WithheldJson {
    withheld_until: Option<Date>,
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(money) => money.serialize(serializer),
            Self::Withheld { until } => WithheldJson { withheld_until: *until }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = |value| -> serde_json::Result<Self> {
            let value: serde_json::Value = value;
            if value.get("withheld_until").is_some() {
                let withheld: WithheldJson = serde_json::from_value(value)?;
                Ok(Self::Withheld { until: withheld.withheld_until })
            } else {
                serde_json::from_value(value).map(Self::Known)
            }
        };
        read(value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_zero_and_withheld_are_three_different_things() {
        let zero = Amount::Known(Money {
            amount: Decimal::ZERO,
            currency: "EUR".into(),
            kind: MoneyKind::Estimate,
            vat: Vat::Unknown,
        });
        let withheld = Amount::Withheld { until: None };
        let until = Amount::Withheld { until: Some(jiff::civil::date(2030, 1, 2)) };
        for (amount, expected) in [
            (zero, r#"{"amount":"0","currency":"EUR","kind":"estimate","vat":"unknown"}"#),
            (withheld, r#"{"withheld_until":null}"#),
            (until, r#"{"withheld_until":"2030-01-02"}"#),
        ] {
            let json = serde_json::to_string(&amount).expect("serialises");
            assert_eq!(json, expected);
            assert_eq!(serde_json::from_str::<Amount>(&json).expect("reads back"), amount);
        }
    }
}
