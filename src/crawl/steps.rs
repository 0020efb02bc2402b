//! What a run asks, in order: steps of windows or periods. A step has one item for each combination of the plan's
//! values; the watermark moves past it when all of them are whole. Pure: the clock is an argument.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use crate::source::{DateWindow, Filling, Length, Missing, Periods, Plan, PlanKind, Unit};

/// The days a run is limited to, both inclusive, in the source's zone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// From this day on instead of from the watermark.
    pub since: Option<Date>,
    /// Up to this day.
    pub until: Option<Date>,
}

/// What is asked together.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the watermark becomes when it is whole; `None` when it is not final yet.
    pub position: Option<String>,
    /// What the watermark is when everything before it is whole, where that can be said.
    pub before: Option<String>,
    /// One for each combination of values.
    pub items: Vec<Item>,
    /// What a missing file means.
    pub missing: Missing,
    /// The time it is about, where there is one.
    pub span: Option<Span>,
}

/// One request, or one paged list.
#[derive(Clone, Debug)]
pub struct Item {
    /// The same for the same request in every run.
    pub key: String,
    /// What its placeholders become.
    pub filling: Filling,
    /// Its window, to be split.
    pub span: Option<Span>,
    /// The value of each name under `values`.
    pub values: Vec<(String, String)>,
}

/// From a moment to the first one after.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The first moment inside.
    pub from: Zoned,
    /// The first moment after.
    pub end: Zoned,
}

impl Span {
    /// How long it is.
    pub fn length(&self) -> SignedDuration {
        self.end.timestamp().duration_since(self.from.timestamp())
    }

    /// Its days of the week, each whole day of it.
    pub fn days(&self) -> impl Iterator<Item = Date> + use<> {
        let end = self.end.datetime();
        self.from.date().series(1.day()).take_while(move |day| day.to_datetime(jiff::civil::Time::midnight()) < end)
    }

    /// Two halves, cut at a whole minute.
    fn halves(&self) -> Option<[Self; 2]> {
        let half = self.length().as_secs() / 120 * 60;
        let middle = self.from.checked_add(SignedDuration::from_secs(half)).ok().filter(|_| half > 0)?;
        Some([Self { from: self.from.clone(), end: middle.clone() }, Self { from: middle, end: self.end.clone() }])
    }

    fn filling(&self) -> Filling {
        let last = self.end.checked_sub(1.second()).unwrap_or_else(|_| self.end.clone());
        Filling::default().moment("from", self.from.clone()).moment("to", last).moment("end", self.end.clone())
    }

    fn key(&self) -> String {
        format!("{}/{}", self.from.timestamp(), self.end.timestamp())
    }
}

impl Item {
    /// Two items over the halves of its window, when those are not shorter than `shortest`.
    pub fn split(&self, shortest: SignedDuration) -> Option<[Self; 2]> {
        let halves = self.span.as_ref()?.halves()?;
        if halves.iter().any(|half| half.length() < shortest) {
            return None;
        }
        Some(halves.map(|half| item(half.key(), half.filling(), Some(half), &self.values)))
    }
}

/// The steps of a run from the watermark to now, oldest first. `None` for kinds that find their items while asking.
pub fn steps(plan: &Plan, watermark: Option<&str>, limits: Limits, now: Timestamp) -> Option<Vec<Step>> {
    let now = now.to_zoned(plan.zone.clone());
    match &plan.kind {
        PlanKind::Once => Some(vec![Step {
            position: Some(now.timestamp().to_string()),
            before: None,
            items: crossed(plan, "", &Filling::default(), None),
            missing: Missing::NotYet,
            span: None,
        }]),
        PlanKind::DateWindow(window) => {
            let spans = windows(window, watermark.and_then(|text| text.parse().ok()), limits, &now);
            let step = |span: Span| Step {
                position: Some(span.end.timestamp().min(now.timestamp()).to_string()),
                before: Some(span.from.timestamp().to_string()),
                items: crossed(plan, &span.key(), &span.filling(), Some(&span)),
                missing: Missing::None,
                span: Some(span),
            };
            Some(spans.into_iter().map(step).collect())
        }
        PlanKind::Periods(periods) => {
            Some(files(plan, periods, watermark.and_then(|text| text.parse().ok()), limits, &now))
        }
        PlanKind::Issues(_) | PlanKind::Catalogue(_) | PlanKind::IdRange(_) => None,
    }
}

fn windows(window: &DateWindow, watermark: Option<Timestamp>, limits: Limits, now: &Zoned) -> Vec<Span> {
    let back = |from: &Zoned, by: std::time::Duration| from.checked_sub(by).unwrap_or_else(|_| from.clone());
    let start_of = |day: Date| day.to_zoned(now.time_zone().clone()).unwrap_or_else(|_| now.clone());
    let mut start = match (limits.since, watermark) {
        (Some(since), _) => start_of(since),
        // A watermark in the future is a clock that was wrong; nothing is skipped for it.
        (None, Some(watermark)) => {
            let watermark = watermark.min(now.timestamp()).to_zoned(now.time_zone().clone());
            back(&watermark, window.overlap.max(window.settles))
        }
        (None, None) => back(now, window.first_run),
    };
    if let Some(reach) = window.reach_back {
        start = start.max(back(now, reach));
    }
    let end = match limits.until {
        Some(until) => start_of(until.checked_add(1.day()).unwrap_or(until)).min(now.clone()),
        None => now.clone(),
    };
    let mut spans = Vec::new();
    let mut from = window.window.floor(&start);
    while from < end {
        let mut next = window.window.after(&from);
        if next <= from {
            break;
        }
        // Windows of hours begin anew with each day, so that they are the same in every run.
        if let Length::Hours(hours) = window.window
            && hours < 24
            && next.date() > from.date()
        {
            next = next.start_of_day().unwrap_or(next);
        }
        spans.push(Span { from, end: next.clone() });
        from = next;
    }
    spans
}

fn files(plan: &Plan, periods: &Periods, watermark: Option<Date>, limits: Limits, now: &Zoned) -> Vec<Step> {
    let unit = periods.unit;
    let today = now.date();
    let first_run = |today: Date| now.checked_sub(periods.first_run).map_or(today, |then| then.date());
    let mut start = match (limits.since, watermark) {
        (Some(since), _) => unit.floor(since),
        (None, Some(last)) => {
            let mut start = unit.after(unit.floor(last.min(today)));
            for _ in 0..periods.reread {
                start = unit.before(start);
            }
            start
        }
        (None, None) => unit.floor(first_run(today)),
    };
    let ready = periods.ready_after.is_none_or(|time| now.time() >= time);
    let last = limits.until.unwrap_or(today).min(today);
    let mut steps = Vec::new();
    while start <= last {
        let next = unit.after(start);
        if next <= start {
            break;
        }
        let appears = periods.weekdays.is_empty() || unit != Unit::Day || periods.weekdays.contains(&start.weekday());
        let not_yet = unit == Unit::Day && start == today && !ready;
        if appears && !not_yet {
            let is_final = next <= today || unit == Unit::Day && periods.ready_after.is_some();
            let zone = now.time_zone();
            let (Ok(from), Ok(end)) = (start.to_zoned(zone.clone()), next.to_zoned(zone.clone())) else { break };
            let span = Span { from: from.clone(), end };
            let filling = Filling::default().moment("date", from);
            steps.push(Step {
                position: is_final.then(|| start.to_string()),
                before: Some(unit.before(start).to_string()),
                items: crossed(plan, &start.to_string(), &filling, None),
                // What has a file every day and is not over yet may have none yet.
                missing: if is_final { periods.missing } else { Missing::None },
                span: Some(span),
            });
        }
        start = next;
    }
    steps
}

/// One item for each combination of the plan's values.
pub fn crossed(plan: &Plan, key: &str, filling: &Filling, span: Option<&Span>) -> Vec<Item> {
    let mut combinations: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (name, values) in &plan.values {
        combinations = combinations
            .iter()
            .flat_map(|known| {
                values.iter().map(move |value| {
                    let mut next = known.clone();
                    next.push((name.clone(), value.clone()));
                    next
                })
            })
            .collect();
    }
    combinations.into_iter().map(|values| item(key.to_owned(), filling.clone(), span.cloned(), &values)).collect()
}

fn item(mut key: String, mut filling: Filling, span: Option<Span>, values: &[(String, String)]) -> Item {
    for (name, value) in values {
        filling = filling.text(name, value.clone());
        key.extend([" ", name, "=", value]);
    }
    Item { key: key.trim().to_owned(), filling, span, values: values.to_vec() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::source::{Ask, Schedule};

    const DAY: Duration = Duration::from_hours(24);

    fn plan(kind: PlanKind) -> Plan {
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        Plan {
            kind,
            schedule: Schedule::parse("daily", &zone).expect("daily"),
            ask: Ask::get("https://example.org/"),
            values: Vec::new(),
            zone,
        }
    }

    fn daily(window: &str) -> Plan {
        plan(PlanKind::DateWindow(DateWindow {
            window: Length::parse(window).expect("a length"),
            overlap: DAY * 2,
            first_run: DAY * 7,
            min_window: None,
            settles: DAY,
            reach_back: None,
        }))
    }

    fn spans(plan: &Plan, watermark: Option<&str>, limits: Limits, now: &str) -> Vec<String> {
        let steps = steps(plan, watermark, limits, now.parse().expect("a time")).expect("known before");
        steps
            .iter()
            .map(|step| step.span.as_ref().expect("a span"))
            .map(|span| format!("{}..{}", span.from.strftime("%m-%d %H"), span.end.strftime("%m-%d %H")))
            .collect()
    }

    #[test]
    fn a_run_begins_before_the_watermark_and_ends_now() {
        let found = spans(&daily("1d"), Some("2026-11-19T23:00:00Z"), Limits::default(), "2026-11-20T08:00:00Z");
        assert_eq!(found, ["11-18 00..11-19 00", "11-19 00..11-20 00", "11-20 00..11-21 00"]);
        let first = spans(&daily("1d"), None, Limits::default(), "2026-11-20T08:00:00Z");
        assert_eq!((first.len(), first[0].as_str()), (8, "11-13 00..11-14 00"));
        let only = Limits { since: Some(date(2026, 3, 1)), until: Some(date(2026, 3, 2)) };
        assert_eq!(spans(&daily("1d"), Some("2026-11-19T23:00:00Z"), only, "2026-11-20T08:00:00Z").len(), 2);
        let future = spans(&daily("1d"), Some("2036-11-19T23:00:00Z"), Limits::default(), "2026-11-20T08:00:00Z");
        assert_eq!(future.len(), 3);
    }

    #[test]
    fn windows_of_hours_begin_with_the_day_even_when_clocks_change() {
        let only = Limits { since: Some(date(2026, 10, 25)), until: Some(date(2026, 10, 25)) };
        let found = spans(&daily("6h"), None, only, "2026-11-20T08:00:00Z");
        assert_eq!(found.first().map(String::as_str), Some("10-25 00..10-25 05"));
        assert_eq!(found.last().map(String::as_str), Some("10-25 23..10-26 00"));
    }

    #[test]
    fn files_wait_until_they_are_ready() {
        let periods = Periods {
            unit: Unit::Day,
            first_run: DAY * 3,
            missing: Missing::NotYet,
            reread: 1,
            weekdays: vec![jiff::civil::Weekday::Thursday, jiff::civil::Weekday::Friday],
            ready_after: Some(jiff::civil::time(9, 45, 0, 0)),
        };
        let of = |watermark, now: &str| -> Vec<String> {
            let found = steps(
                &plan(PlanKind::Periods(periods.clone())),
                watermark,
                Limits::default(),
                now.parse().expect("a time"),
            );
            found.expect("known").iter().map(|step| step.items[0].key.clone()).collect()
        };
        assert_eq!(of(Some("2026-11-19"), "2026-11-20T08:00:00Z"), ["2026-11-19"]);
        assert_eq!(of(Some("2026-11-19"), "2026-11-20T09:00:00Z"), ["2026-11-19", "2026-11-20"]);
        assert_eq!(of(None, "2026-11-21T09:00:00Z"), ["2026-11-19", "2026-11-20"]);
    }

    #[test]
    fn every_combination_of_values_is_an_item() {
        let mut plan = daily("1d");
        plan.values = vec![("a".into(), vec!["1".into(), "2".into()]), ("b".into(), vec!["x".into(), "y".into()])];
        let keys: Vec<String> =
            crossed(&plan, "k", &Filling::default(), None).into_iter().map(|item| item.key).collect();
        assert_eq!(keys, ["k a=1 b=x", "k a=1 b=y", "k a=2 b=x", "k a=2 b=y"]);
    }

    proptest! {
        #[test]
        fn windows_touch_and_halves_make_the_whole(hours in 1i64..50, days in 1i64..20, from in 0i64..40_000, by_day: bool) {
            let plan = daily(&if by_day { format!("{days}d") } else { format!("{hours}h") });
            let now = Timestamp::from_second(1_700_000_000 + from * 3600).expect("a time");
            let watermark = Timestamp::from_second(now.as_second() - from * 60).expect("a time").to_string();
            let steps = steps(&plan, Some(&watermark), Limits::default(), now).expect("known before");
            let spans: Vec<&Span> = steps.iter().filter_map(|step| step.span.as_ref()).collect();
            for pair in spans.windows(2) {
                prop_assert_eq!(&pair[0].end, &pair[1].from);
            }
            prop_assert!(spans.first().is_some_and(|span| span.from.timestamp().to_string() <= watermark));
            prop_assert!(spans.last().is_some_and(|span| span.end.timestamp() >= now));
            for step in &steps {
                if let Some([first, second]) = step.items[0].split(SignedDuration::from_mins(1)) {
                    let (first, second) = (first.span.expect("a span"), second.span.expect("a span"));
                    let whole = step.span.as_ref().expect("a span");
                    prop_assert_eq!((&first.from, &first.end, &second.end), (&whole.from, &second.from, &whole.end));
                }
            }
        }
    }
}
