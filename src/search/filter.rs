//! Filters: what the user said → what it means. A value that nothing can match is an error with a suggestion, never an empty answer.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tantivy::Term;
use tantivy::query::{BooleanQuery, ConstScoreQuery, ExistsQuery, Occur, Query as EngineQuery, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::organisations;
use super::query::{Query, QueryError};
use super::schema::{Fields, days};
use crate::codes;
use crate::config::parse_duration;
use crate::notice::{JOINT_EVIDENCE, Stage};

/// Among the signs of joint procurement in the index: buyers of two countries or more.
pub(super) const CROSS_BORDER: &str = "cross-border";

/// Filters as typed.
#[derive(Clone, Debug, Default)]
pub struct RawFilters {
    /// Category ids; any of them.
    pub categories: Vec<String>,
    /// ISO 3166-1 alpha-2; any of them.
    pub countries: Vec<String>,
    /// Source ids; any of them.
    pub sources: Vec<String>,
    /// Stages; any of them.
    pub stages: Vec<String>,
    /// CPV codes or prefixes of 2 digits or more; any of them.
    pub cpv: Vec<String>,
    /// Words of any name of a buyer, or the id of an organisation.
    pub buyer: Option<String>,
    /// Kinds of buyers; any of them.
    pub buyer_kinds: Vec<String>,
    /// Only with evidence of joint procurement.
    pub joint: bool,
    /// Only with this evidence of joint procurement; any of them.
    pub joint_evidence: Vec<String>,
    /// Only with buyers of two countries or more.
    pub cross_border: bool,
    /// Only with a sign of innovation.
    pub innovation: bool,
    /// Published on or after.
    pub since: Option<String>,
    /// Published on or before.
    pub until: Option<String>,
    /// Deadline from now within (`30d`).
    pub deadline_within: Option<String>,
    /// The amount that stands for the notice at least, in euro.
    pub min_value: Option<String>,
    /// Declared language.
    pub language: Option<String>,
    /// `relevance`, `published`, `deadline`, `value`.
    pub sort: Option<String>,
}

/// What exists, for checking and suggesting.
pub struct Known<'a> {
    /// Category ids.
    pub categories: Vec<&'a str>,
    /// Kinds of buyers.
    pub buyer_kinds: Vec<&'a str>,
    /// Source ids, those with data and those with a definition.
    pub sources: Vec<&'a str>,
}

/// Order of hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Best match first.
    Relevance,
    /// Newest first.
    Published,
    /// Soonest first; without a deadline last.
    Deadline,
    /// Largest first.
    Value,
}

/// Who is meant by `--buyer`.
#[derive(Clone, Debug)]
pub(super) enum Buyer {
    /// Those with this key: `pl-nip/5213017228`.
    Id(String),
    /// Those one of whose names has these words.
    Words(Query),
}

impl Buyer {
    fn parse(typed: &str) -> Result<Self, QueryError> {
        let is_id = typed.split_once('/').is_some_and(|(scheme, value)| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            scheme.contains('-') && scheme.chars().all(plain) && !value.is_empty() && !value.contains([' ', '/', '"'])
        });
        if is_id { Ok(Self::Id(typed.to_owned())) } else { Query::parse(typed).map(Self::Words) }
    }
}

/// Filters that can match.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    categories: Vec<String>,
    countries: Vec<String>,
    sources: Vec<String>,
    stages: Vec<Stage>,
    cpv: Vec<String>,
    buyer: Option<Buyer>,
    buyer_kinds: Vec<String>,
    joint: bool,
    joint_evidence: Vec<String>,
    cross_border: bool,
    innovation: bool,
    since: Option<Date>,
    until: Option<Date>,
    deadline_within: Option<Duration>,
    min_value: Option<f64>,
    language: Option<String>,
    pub(super) sort: Option<Sort>,
}

/// A filter that nothing can match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A value that does not exist.
    #[error("--{option}: there is no \"{value}\"{suggestion}")]
    Unknown {
        /// The option.
        option: &'static str,
        /// What was typed.
        value: String,
        /// `; did you mean …` and what exists.
        suggestion: String,
    },
    /// A value of the wrong shape.
    #[error("--{option}: expected {expected}, found \"{value}\"")]
    Shape {
        /// The option.
        option: &'static str,
        /// What was typed.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Two options that exclude each other.
    #[error("--since {since} is after --until {until}: nothing can match")]
    Span {
        /// First day.
        since: Date,
        /// Last day.
        until: Date,
    },
    /// A buyer query that cannot be read.
    #[error("--buyer: {0}")]
    Buyer(#[from] QueryError),
}

impl Filters {
    /// Checks every value.
    ///
    /// # Errors
    /// The first filter that nothing can match.
    pub fn check(raw: &RawFilters, known: &Known<'_>) -> Result<Self, FilterError> {
        for category in &raw.categories {
            check_one("category", category, &known.categories)?;
        }
        for source in &raw.sources {
            check_one("source", source, &known.sources)?;
        }
        for kind in &raw.buyer_kinds {
            check_one("buyer-kind", kind, &known.buyer_kinds)?;
        }
        for sign in &raw.joint_evidence {
            check_one("joint-evidence", sign, JOINT_EVIDENCE)?;
        }
        let countries = raw.countries.iter().map(|country| country_of(country)).collect::<Result<_, _>>()?;
        let all: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        let mut stages = Vec::new();
        for stage in &raw.stages {
            check_one("stage", stage, &all)?;
            stages.extend(Stage::parse(stage));
        }
        let mut cpv = Vec::new();
        for code in &raw.cpv {
            let digits = codes::cpv_digits(code).unwrap_or_else(|| code.trim().trim_end_matches('*'));
            if !codes::cpv_prefix_exists(digits) {
                let suggestion = "; a CPV code has 8 digits, a prefix 2 or more, such as 35613".to_owned();
                return Err(FilterError::Unknown { option: "cpv", value: code.clone(), suggestion });
            }
            cpv.push(digits.to_owned());
        }
        let language = match &raw.language {
            Some(typed) => Some(codes::language(typed).map(str::to_owned).ok_or_else(|| FilterError::Shape {
                option: "lang",
                value: typed.clone(),
                expected: "an ISO 639-1 code such as \"de\"",
            })?),
            None => None,
        };
        let date = |option, text: &Option<String>| -> Result<Option<Date>, FilterError> {
            let Some(text) = text else { return Ok(None) };
            let expected = "a date such as 2026-11-22";
            text.parse().map(Some).map_err(|_| FilterError::Shape { option, value: text.clone(), expected })
        };
        let (since, until) = (date("since", &raw.since)?, date("until", &raw.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            return Err(FilterError::Span { since, until });
        }
        let deadline_within = match &raw.deadline_within {
            Some(text) => Some(parse_duration(text).ok_or_else(|| FilterError::Shape {
                option: "deadline-within",
                value: text.clone(),
                expected: "a duration such as \"30d\"",
            })?),
            None => None,
        };
        let min_value = match &raw.min_value {
            Some(text) => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
                let expected = "a number such as 100000";
                Some(number.ok_or_else(|| FilterError::Shape { option: "min-value", value: text.clone(), expected })?)
            }
            None => None,
        };
        let sort = match raw.sort.as_deref() {
            None => None,
            Some(name) => {
                check_one("sort", name, &["relevance", "published", "deadline", "value"])?;
                Some(match name {
                    "published" => Sort::Published,
                    "deadline" => Sort::Deadline,
                    "value" => Sort::Value,
                    _ => Sort::Relevance,
                })
            }
        };
        Ok(Self {
            categories: raw.categories.clone(),
            countries,
            sources: raw.sources.clone(),
            stages,
            cpv,
            buyer: raw.buyer.as_deref().map(Buyer::parse).transpose()?,
            buyer_kinds: raw.buyer_kinds.clone(),
            joint: raw.joint,
            joint_evidence: raw.joint_evidence.clone(),
            cross_border: raw.cross_border,
            innovation: raw.innovation,
            since,
            until,
            deadline_within,
            min_value,
            language,
            sort,
        })
    }

    pub(super) fn buyer(&self) -> Option<&Buyer> {
        self.buyer.as_ref()
    }

    /// The query with every filter around it; filters do not change scores. `buyers` are first keys of those meant by
    /// `--buyer`, beside those that its words find.
    pub(super) fn compile(
        &self,
        query: Box<dyn EngineQuery>,
        fields: &Fields,
        buyers: &[String],
        now: Timestamp,
    ) -> BooleanQuery {
        let mut clauses = vec![(Occur::Must, query)];
        let mut must = |filter: Box<dyn EngineQuery>| {
            clauses.push((Occur::Must, Box::new(ConstScoreQuery::new(filter, 0.0)) as Box<dyn EngineQuery>));
        };
        let stages: Vec<&str> = self.stages.iter().map(|stage| stage.as_str()).collect();
        let texts = |values: &[String]| values.iter().map(String::clone).collect::<Vec<_>>();
        for (field, values) in [
            (fields.category, texts(&self.categories)),
            (fields.country, texts(&self.countries)),
            (fields.source, texts(&self.sources)),
            (fields.stage, stages.iter().map(ToString::to_string).collect()),
            (fields.cpv, texts(&self.cpv)),
            (fields.language, self.language.iter().cloned().collect()),
            (fields.buyer_kind, texts(&self.buyer_kinds)),
            (fields.joint, texts(&self.joint_evidence)),
            (fields.joint, self.cross_border.then(|| CROSS_BORDER.to_owned()).into_iter().collect()),
        ] {
            if !values.is_empty() {
                must(any_of(field, &values));
            }
        }
        for (field, wanted) in [("joint", self.joint), ("innovation", self.innovation)] {
            if wanted {
                must(Box::new(ExistsQuery::new(field.to_owned(), false)));
            }
        }
        if let Some(buyer) = &self.buyer {
            let mut ways: Vec<Box<dyn EngineQuery>> = vec![Box::new(organisations::any_of(fields.buyer_id, buyers))];
            if let Buyer::Words(words) = buyer {
                ways.push(words.compile_in_buyer(fields));
            }
            must(Box::new(BooleanQuery::union(ways)));
        }
        if self.since.is_some() || self.until.is_some() {
            let since = self.since.map_or(i64::MIN, days);
            let until = self.until.map_or(i64::MAX, days);
            must(Box::new(between(fields.published, since, until)));
        }
        if let Some(within) = self.deadline_within {
            let from = now.as_second();
            let until = from.saturating_add(i64::try_from(within.as_secs()).unwrap_or(i64::MAX));
            must(Box::new(between(fields.deadline, from, until)));
        }
        if let Some(least) = self.min_value {
            let bound = std::ops::Bound::Included(Term::from_field_f64(fields.value, least));
            must(Box::new(RangeQuery::new(bound, std::ops::Bound::Unbounded)));
        }
        BooleanQuery::new(clauses)
    }
}

fn between(field: Field, from: i64, until: i64) -> RangeQuery {
    let bound = |value| std::ops::Bound::Included(Term::from_field_i64(field, value));
    RangeQuery::new(bound(from), bound(until))
}

fn any_of(field: Field, values: &[String]) -> Box<dyn EngineQuery> {
    let terms = values.iter().map(|value| {
        let term = Term::from_field_text(field, value);
        Box::new(TermQuery::new(term, IndexRecordOption::Basic)) as Box<dyn EngineQuery>
    });
    Box::new(BooleanQuery::union(terms.collect()))
}

fn country_of(typed: &str) -> Result<String, FilterError> {
    let upper = typed.to_ascii_uppercase();
    if let Some(known) = codes::country(&upper) {
        return Ok(known.iso2.clone());
    }
    let suggestion = match upper.as_str() {
        "UK" => "; did you mean GB?",
        "EL" => "; did you mean GR?",
        _ => "; countries are ISO 3166-1 alpha-2 codes such as FR, GR or GB",
    };
    Err(FilterError::Unknown { option: "country", value: typed.to_owned(), suggestion: suggestion.to_owned() })
}

fn check_one(option: &'static str, value: &str, known: &[&str]) -> Result<(), FilterError> {
    if known.contains(&value) {
        return Ok(());
    }
    let close = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(value, name), *name))
        .filter(|(distance, name)| *distance <= 1 + value.len() / 4 || name.contains(value))
        .min();
    let suggestion = match close {
        Some((_, name)) => format!("; did you mean {name}?"),
        None => format!("; there are {}", known.join(", ")),
    };
    Err(FilterError::Unknown { option, value: value.to_owned(), suggestion })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut RawFilters)) -> String {
        let mut raw = RawFilters::default();
        change(&mut raw);
        let known = Known {
            categories: vec!["drones", "ballistic-vests"],
            buyer_kinds: vec!["border-guard", "police"],
            sources: vec!["eu-ted", "import"],
        };
        match Filters::check(&raw, &known) {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_typo_in_a_filter_is_never_an_empty_answer() {
        let list = |text: &str| vec![text.to_owned()];
        assert_eq!(
            check(|raw| raw.categories = list("drone")),
            "--category: there is no \"drone\"; did you mean drones?"
        );
        assert_eq!(
            check(|raw| raw.categories = list("zzz")),
            "--category: there is no \"zzz\"; there are drones, ballistic-vests"
        );
        assert_eq!(check(|raw| raw.countries = list("UK")), "--country: there is no \"UK\"; did you mean GB?");
        assert_eq!(check(|raw| raw.countries = list("fr")), "fine");
        assert_eq!(check(|raw| raw.sources = list("ted")), "--source: there is no \"ted\"; did you mean eu-ted?");
        assert!(check(|raw| raw.stages = list("zzzzzzzz")).ends_with("there are planning, consultation, competition, direct-award, result, modification, completion, cancellation, change, project, call, news, plan-item"));
        assert!(check(|raw| raw.stages = list("results")).ends_with("did you mean result?"));
        assert_eq!(
            check(|raw| raw.buyer_kinds = list("polise")),
            "--buyer-kind: there is no \"polise\"; did you mean police?"
        );
        assert_eq!(check(|raw| raw.buyer_kinds = list("police")), "fine");
        assert!(check(|raw| raw.joint_evidence = list("lead")).ends_with("did you mean lead-buyer?"));
        assert!(check(|raw| raw.cpv = list("99")).contains("CPV"));
        assert_eq!(check(|raw| raw.cpv = list("35613000-8")), "fine");
        assert!(check(|raw| raw.since = Some("22.11.2026".into())).contains("expected a date"));
        assert!(
            check(|raw| {
                raw.since = Some("2026-02-01".into());
                raw.until = Some("2026-01-01".into());
            })
            .contains("nothing can match")
        );
        assert!(check(|raw| raw.deadline_within = Some("soon".into())).contains("duration"));
        assert!(check(|raw| raw.min_value = Some("-1".into())).contains("number"));
        assert!(check(|raw| raw.language = Some("xx".into())).contains("ISO 639-1"));
        assert!(check(|raw| raw.sort = Some("date".into())).contains("there are relevance"));
        assert!(check(|raw| raw.buyer = Some("(".into())).contains("bracket"));
    }
}
