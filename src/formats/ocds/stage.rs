//! Tags, statuses and notice types → where in the life of a procurement a release stands.

use std::borrow::Cow;

use super::tree::Json;
use crate::formats::reading::{Reading, lower};
use crate::issue::IssueCode;
use crate::notice::Stage;

/// What the tags say.
pub(super) struct Standing {
    pub stage: Stage,
    /// An update or amendment of what was published before.
    pub correction: bool,
}

/// Beginning of a tag in lower case, where its data stands, and its stage; the latest in life last. What a contract's
/// implementation adds (payments, milestones) is no stage of its own: it stays the result.
const TAGS: &[(&str, &str, Stage)] = &[
    ("planning", "planning", Stage::Planning),
    ("tender", "tender", Stage::Competition),
    ("award", "awards", Stage::Result),
    ("contract", "contracts", Stage::Result),
    ("implementation", "contracts", Stage::Result),
];

/// Notice types of the Procurement Act 2023.
const UK_TYPES: &[(&str, Stage)] = &[
    ("UK1", Stage::Planning),
    ("UK2", Stage::Consultation),
    ("UK3", Stage::Planning),
    ("UK4", Stage::Competition),
    ("UK5", Stage::DirectAward),
    ("UK6", Stage::Result),
    ("UK7", Stage::Result),
    ("UK10", Stage::Modification),
    ("UK11", Stage::Completion),
    ("UK12", Stage::Cancellation),
];

/// A notice's stage: of several tags the latest whose section has data; without a tag, or for a compiled release, by
/// the sections themselves.
pub(super) fn standing(release: &Json<'_>, notice_type: Option<&str>, reading: &mut Reading) -> Standing {
    let written: Vec<Cow<'_, str>> = release.get("tag").each().filter_map(Json::text).collect();
    let tags: Vec<Cow<'_, str>> =
        written.iter().flat_map(|tag| tag.split([',', ';'])).map(|tag| lower(tag.trim())).collect();
    let compiled = tags.iter().any(|tag| tag == "compiled");
    let mut found: Option<(usize, bool, Stage, bool)> = None;
    for tag in tags.iter().map(AsRef::as_ref) {
        let Some(rank) = TAGS.iter().rposition(|(start, _, _)| tag.starts_with(start)) else {
            if tag != "compiled" && tag != "bid" && !tag.is_empty() {
                reading.issue(IssueCode::UnknownCode, "tag", tag);
            }
            continue;
        };
        let (start, section, stage) = TAGS[rank];
        let stage = match &tag[start.len()..] {
            "cancellation" => Stage::Cancellation,
            "termination" => Stage::Completion,
            "amendment" if start == "contract" => Stage::Modification,
            _ => stage,
        };
        // A modified contract is a stage of its own, and no correction of an earlier notice.
        let update = stage != Stage::Modification && (tag.ends_with("update") || tag.ends_with("amendment"));
        let has_data = release.get(section).any() || matches!(stage, Stage::Cancellation | Stage::Completion);
        let candidate = (rank, has_data, stage, update);
        if found.as_ref().is_none_or(|old| (candidate.1, candidate.0) > (old.1, old.0)) {
            found = Some(candidate);
        }
    }
    if written.len() > 1 || written.iter().any(|tag| !is_plain(tag)) {
        for tag in &written {
            reading.keep_in_list("tag", tag);
        }
    }
    let by_tag = found.filter(|_| !compiled);
    let mut standing = match by_tag {
        Some((_, _, stage, correction)) => Standing { stage, correction },
        None => Standing { stage: by_sections(release, reading), correction: false },
    };
    if let Some((_, stage)) = notice_type.and_then(|code| UK_TYPES.iter().find(|(known, _)| *known == code)) {
        standing.stage = *stage;
    }
    let cancelled = matches!(release.at(&["tender", "status"]).text().as_deref(), Some("cancelled" | "withdrawn"));
    if cancelled && standing.stage == Stage::Competition {
        standing.stage = Stage::Cancellation;
    }
    standing
}

/// Whether the stage says all that the tag said.
fn is_plain(tag: &str) -> bool {
    matches!(tag, "planning" | "tender" | "award" | "compiled")
}

fn by_sections(release: &Json<'_>, reading: &mut Reading) -> Stage {
    if release.get("contracts").any() || release.get("awards").any() {
        return Stage::Result;
    }
    let tender = release.get("tender");
    let status = tender.text_of("status");
    match status.as_deref() {
        Some("planning" | "planned") => Stage::Planning,
        _ if tender.members().iter().any(|(key, _)| key != "id") => Stage::Competition,
        _ if release.get("planning").any() => Stage::Planning,
        _ => {
            reading.issue(IssueCode::UnknownStage, "tag", "");
            Stage::Competition
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn the_latest_tag_with_data_decides() {
        for (text, stage, correction) in [
            (r#"{"tag":["tender"," award"," contract"],"tender":{"id":1},"awards":[{"id":1}]}"#, "result", false),
            (r#"{"tag":["tender","award"],"tender":{"id":1},"awards":[]}"#, "competition", false),
            (r#"{"tag":"awardNotice","awards":{"id":1}}"#, "result", false),
            (r#"{"tag":["tenderAmendment"],"tender":{"id":1}}"#, "competition", true),
            (r#"{"tag":["tenderCancellation"]}"#, "cancellation", false),
            (r#"{"tag":["tender"],"tender":{"status":"cancelled"}}"#, "cancellation", false),
            (r#"{"tag":["contractAmendment"],"contracts":[{}]}"#, "modification", false),
            (r#"{"tag":["contractTermination"],"contracts":[{}]}"#, "completion", false),
            (r#"{"tag":["implementationUpdate"],"contracts":[{}]}"#, "result", true),
            (r#"{"tag":["compiled"],"tender":{"status":"planned"}}"#, "planning", false),
            (r#"{"tag":["compiled"],"planning":{"id":1}}"#, "planning", false),
            (r#"{"tag":null,"contracts":[{}]}"#, "result", false),
        ] {
            let tree = Json::read(text).expect("JSON");
            let found = standing(&tree, None, &mut Reading::new(TimeZone::UTC));
            assert_eq!((found.stage.as_str(), found.correction), (stage, correction), "{text}");
        }
        let tree = Json::read(r#"{"tag":["planning"],"tender":{"id":1}}"#).expect("JSON");
        assert_eq!(standing(&tree, Some("UK2"), &mut Reading::new(TimeZone::UTC)).stage, Stage::Consultation);
    }
}
