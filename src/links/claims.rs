//! The keys of a notice: what it is, what it is part of, what it refers to, and where a twin would be looked for.

use std::sync::LazyLock;

use regex::Regex;

use super::facts::{Facts, hash};
use super::judge::TWIN_DAYS;
use crate::notice::{Notice, Related, Relation, Stage};

/// What a notice says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It is this one.
    Is,
    /// It belongs to this one, as others may.
    PartOf,
    /// A twin of it would have this key too.
    Near,
    /// It refers to this one.
    Refers(Relation),
}

impl Role {
    /// The number it is stored as.
    pub fn number(self) -> i64 {
        match self {
            Self::Is => 0,
            Self::PartOf => 1,
            Self::Near => 2,
            Self::Refers(relation) => {
                let place = Relation::ALL.iter().position(|known| *known == relation);
                10 + i64::try_from(place.unwrap_or_default()).unwrap_or_default()
            }
        }
    }

    /// From the number it is stored as.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Is),
            1 => Some(Self::PartOf),
            2 => Some(Self::Near),
            _ => Some(Self::Refers(*Relation::ALL.get(usize::try_from(number - 10).ok()?)?)),
        }
    }

    /// The roles of others that mean something to this one, by number.
    pub fn meets(self) -> std::ops::RangeInclusive<i64> {
        let last = 9 + i64::try_from(Relation::ALL.len()).unwrap_or_default();
        match self {
            Self::Is | Self::PartOf => 0..=last,
            Self::Near => 2..=2,
            Self::Refers(_) => 0..=1,
        }
    }
}

/// One key, and what a notice says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `<register>:<value>`: `oj:188692-2016`, `procedure:<uuid>`, `ocid:…`, `own:<source>/<number>`.
    pub key: String,
    /// What is said of it.
    pub role: Role,
}

impl Claim {
    /// The key as it is stored: a hash, ordered so that what is published together lies together. A store of a million
    /// notices then writes to few of its pages, and not to another one for every key.
    pub fn hash(&self) -> i64 {
        let (register, value) = self.key.split_once(':').unwrap_or(("", &self.key));
        let order = match register {
            // Numbers of one year follow each other.
            "oj" => value.split_once('-').and_then(|(number, year)| {
                let (number, year): (u64, u64) = (number.parse().ok()?, year.parse().ok()?);
                Some(((year % 128) << 9) | ((number >> 11) % 512))
            }),
            "deadline" => value.rsplit_once('/').and_then(|(_, day)| {
                let day: jiff::civil::Date = day.parse().ok()?;
                u64::try_from(day_number(day).rem_euclid(1 << 16)).ok()
            }),
            "title" => value.rsplit_once('/').and_then(|(_, window)| {
                let window: i64 = window.parse().ok()?;
                u64::try_from(window.rem_euclid(1 << 16)).ok()
            }),
            "own" => {
                let digits = value.trim_end_matches(|c: char| !c.is_ascii_digit());
                let digits = &digits[digits.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
                digits.parse::<u64>().ok().map(|number| (number >> 11) % (1 << 16))
            }
            // All versions of a notice.
            "uuid" => value.get(..36).map(|uuid| hash(uuid) >> 48),
            _ => None,
        };
        let all = hash(&self.key);
        let ordered = order.map_or(all, |order| (order << 48) | (all & ((1 << 48) - 1)));
        i64::from_ne_bytes((ordered ^ (place(register) << 61)).to_ne_bytes())
    }

    /// The version of a notice that a key names.
    fn version(&self) -> Option<u32> {
        uuid(self.key.strip_prefix("uuid:")?)?.1
    }

    /// The register of the key: what stands before its colon.
    pub fn register(&self) -> &str {
        self.key.split_once(':').map_or("", |(register, _)| register)
    }
}

/// Keeps the keys of one register together.
fn place(register: &str) -> u64 {
    match register {
        "oj" => 1,
        "deadline" => 2,
        "own" => 3,
        "uuid" => 4,
        "title" => 5,
        _ => 0,
    }
}

/// The most claims of one notice: a framework may refer to hundreds of others.
const MAX_CLAIMS: usize = 500;

static OJ_NEW: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*0*([1-9]\d{0,7})-((?:19|20)\d\d)\s*$").expect("a pattern"));
static OJ_OLD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b((?:19|20)\d\d)/?\s?S\s?\d{1,3}-0*([1-9]\d{0,7})\b").expect("a pattern"));
static TED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)ted\.europa\.eu/\S*?(?:NOTICE:|notice/(?:-/detail/)?)0*([1-9]\d{0,7})-((?:19|20)\d\d)")
        .expect("a pattern")
});
static UUID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:-(\d{1,3}))?\s*$")
        .expect("a pattern")
});
static OCID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^ocds-[0-9a-z]{6,8}-\S+$").expect("a pattern"));

/// A publication number of the Official Journal in either spelling (`188692-2016`, `2016/S 106-188692`).
fn oj(text: &str) -> Option<String> {
    if let Some(found) = OJ_NEW.captures(text) {
        return Some(format!("oj:{}-{}", &found[1], &found[2]));
    }
    OJ_OLD.captures(text).map(|found| format!("oj:{}-{}", &found[2], &found[1]))
}

/// A UUID that names something, in lower case, and the version after it.
fn uuid(text: &str) -> Option<(String, Option<u32>)> {
    let found = UUID.captures(text)?;
    let uuid = found[1].to_lowercase();
    let is_nil = uuid.bytes().filter(|byte| *byte != b'-').collect::<std::collections::BTreeSet<_>>().len() < 4;
    (!is_nil).then(|| (uuid, found.get(2).and_then(|version| version.as_str().parse().ok())))
}

/// Numbers that a publisher fills in where it has none.
fn says_nothing(id: &str) -> bool {
    let letters: String = id.chars().filter(|c| c.is_alphanumeric()).collect();
    letters.len() < 3 || letters.chars().all(|c| c == '0' || c == '9') || letters.eq_ignore_ascii_case("none")
}

/// Whether its own publication numbers are those of the Official Journal.
fn is_gazette(notice: &Notice) -> bool {
    notice.format == "ted-export" || notice.format == "eforms" || notice.source.as_str().starts_with("eu-ted")
}

/// Of one notice, each key once a role.
pub fn claims(notice: &Notice, facts: &Facts) -> Vec<Claim> {
    let mut found = Vec::new();
    let push = |found: &mut Vec<Claim>, key: String, role: Role| {
        if found.len() < MAX_CLAIMS && !found.iter().any(|known| known.key == key && known.role == role) {
            found.push(Claim { key, role });
        }
    };
    let mut claim = |key: String, role: Role| push(&mut found, key, role);
    identity(notice, &mut claim);
    procedure(notice, facts, &mut claim);
    for related in &notice.related {
        reference(notice, related, &mut claim);
    }
    // Who corrects, cancels or modifies the same notice, or awards the same call, belongs together, even where that
    // notice never comes.
    let of_one = [Relation::Changes, Relation::Cancels, Relation::Awards, Relation::Modifies];
    let targets: Vec<String> = found
        .iter()
        .filter(|claim| matches!(claim.role, Role::Refers(relation) if of_one.contains(&relation)))
        .filter(|claim| matches!(claim.register(), "oj" | "own") || claim.version().is_some())
        .map(|claim| format!("about:{}", claim.key))
        .collect();
    let mut claim = |key: String, role: Role| push(&mut found, key, role);
    for target in targets {
        claim(target, Role::PartOf);
    }
    funding(notice, &mut claim);
    near(facts, notice, &mut claim);
    found
}

fn identity(notice: &Notice, claim: &mut impl FnMut(String, Role)) {
    if let Some(id) = &notice.publication_id {
        // In the gazette itself that number is all that its notices refer to.
        let key = oj(id).filter(|_| is_gazette(notice));
        if let Some(key) = key {
            claim(key, Role::Is);
        } else if !says_nothing(id) {
            claim(format!("own:{}/{}", notice.source, id.trim()), Role::Is);
        }
    }
    if let Some((uuid, _)) = notice.notice_uuid.as_deref().and_then(uuid) {
        let version: u32 = notice.version.as_deref().and_then(|version| version.trim().parse().ok()).unwrap_or(1);
        claim(format!("uuid:{uuid}-{version}"), Role::Is);
        claim(format!("uuid:{uuid}"), Role::PartOf);
    }
    if is_gazette(notice) {
        return;
    }
    // A register that numbers its releases by the notices that it read them from.
    let own = notice.publication_id.as_deref().and_then(|id| id.rsplit('/').next());
    if let Some((uuid, _)) = own.and_then(uuid) {
        claim(format!("uuid:{uuid}"), Role::Refers(Relation::SameNotice));
    }
    // A national notice that says under which number it stands in the Official Journal.
    let pages = notice.url.as_deref().into_iter();
    for (path, text) in pages.map(|url| ("url", url)).chain(texts_of(notice)) {
        for found in TED.captures_iter(text).take(5) {
            claim(format!("oj:{}-{}", &found[1], &found[2]), Role::Is);
        }
        let name = path.rsplit(['.', '/']).next().unwrap_or(path).to_ascii_lowercase();
        let names_ted = name.contains("tedno") || name.contains("publicationted") || name.contains("tednumber");
        if let Some(key) = oj(text).filter(|_| names_ted) {
            claim(key, Role::Is);
        }
    }
}

/// What else the source said, as texts.
fn texts_of(notice: &Notice) -> impl Iterator<Item = (&str, &str)> {
    notice.extra.iter().flat_map(|(path, value)| {
        let one = value.as_str().into_iter();
        let many = value.as_array().into_iter().flatten().filter_map(|value| value.as_str());
        one.chain(many).map(|text| (&**path, text))
    })
}

fn procedure(notice: &Notice, facts: &Facts, claim: &mut impl FnMut(String, Role)) {
    if let Some(ocid) = notice.ocid.as_deref().filter(|ocid| OCID.is_match(ocid)) {
        claim(format!("ocid:{ocid}"), Role::PartOf);
        // Some publishers make it of their prefix and BT-04.
        let end = ocid.len().checked_sub(36).and_then(|at| ocid.get(at..)).unwrap_or_default();
        if let Some((uuid, None)) = uuid(end) {
            claim(format!("procedure:{uuid}"), Role::PartOf);
        }
    }
    if let Some(id) = notice.procedure_id.as_deref() {
        match uuid(id) {
            Some((uuid, _)) => claim(format!("procedure:{uuid}"), Role::PartOf),
            None if notice.ocid.as_deref() == Some(id) || says_nothing(id) => {}
            None => claim(format!("folder:{}/{}", notice.source, id.trim()), Role::PartOf),
        }
    }
    // The number of a file is the buyer's own: two buyers have the same one.
    let folder = notice.extra.get("ContractFolderID").and_then(|value| value.as_str());
    if let (Some(folder), Some(buyer)) = (folder.filter(|folder| !says_nothing(folder)), facts.buyers.first()) {
        claim(format!("folder:{buyer:016x}/{}", folder.trim().to_lowercase()), Role::PartOf);
    }
}

/// What a reference points at, in every register that its text fits.
fn reference(notice: &Notice, related: &Related, claim: &mut impl FnMut(String, Role)) {
    let (text, role) = (related.id.trim(), Role::Refers(related.relation));
    // Topics of one call are procedures of their own.
    if notice.stage == Stage::Call || says_nothing(text) {
        return;
    }
    if notice.stage == Stage::Project {
        claim(format!("topic:{}", text.to_uppercase()), role);
        return;
    }
    if let Some((uuid, version)) = uuid(text) {
        match version {
            Some(version) => claim(format!("uuid:{uuid}-{version}"), role),
            None if related.relation == Relation::SameProcedure => {
                claim(format!("procedure:{uuid}"), Role::PartOf);
            }
            None => claim(format!("procedure:{uuid}"), role),
        }
        claim(format!("uuid:{uuid}"), role);
        return;
    }
    if OCID.is_match(text) {
        claim(format!("ocid:{text}"), role);
    }
    let is_oj = is_gazette(notice) || text.contains("/S") || related.evidence.contains("PUBLI");
    if let Some(key) = oj(text).filter(|_| is_oj) {
        claim(key, role);
        return;
    }
    claim(format!("own:{}/{text}", notice.source), role);
    claim(format!("folder:{}/{text}", notice.source), role);
}

/// Grants: a procurement names the project that pays for it, a project its number and its topic.
fn funding(notice: &Notice, claim: &mut impl FnMut(String, Role)) {
    let number = |text: &str| {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        ((6..=9).contains(&digits.len()) && digits.len() * 2 > text.trim().len()).then_some(digits)
    };
    match (notice.stage, notice.publication_id.as_deref()) {
        (Stage::Project, Some(id)) => {
            if let Some(number) = number(id) {
                claim(format!("grant:{number}"), Role::Is);
            }
        }
        (Stage::Call, Some(id)) => claim(format!("topic:{}", id.trim().to_uppercase()), Role::Is),
        _ => {
            for project in notice.eu_funding.iter().flat_map(|funding| &funding.projects) {
                if let Some(number) = number(project) {
                    claim(format!("grant:{number}"), Role::Refers(Relation::Previous));
                }
            }
        }
    }
}

/// Titles are compared within so many days.
const TITLE_WINDOW: i64 = 32;

/// Since 2000-01-01.
fn day_number(day: jiff::civil::Date) -> i64 {
    jiff::civil::date(2000, 1, 1).until(day).map_or(0, |span| i64::from(span.get_days()))
}

/// Where a twin would be: the same buyer with the same deadline, or with the same words in the title.
fn near(facts: &Facts, notice: &Notice, claim: &mut impl FnMut(String, Role)) {
    if matches!(notice.stage, Stage::Project | Stage::Call | Stage::News) {
        return;
    }
    let words: Vec<String> = facts.title.iter().map(|word| format!("{word:08x}")).collect();
    let words = words.concat();
    for buyer in facts.buyers.iter().take(4) {
        if let Some(deadline) = facts.deadline {
            claim(format!("deadline:{buyer:016x}/{deadline}"), Role::Near);
        }
        if facts.title.len() > 1 {
            // Twins were published within days, so they have the first or the last of these in common, and what is published
            // together lies together.
            let day = facts.published.map(day_number);
            for day in day.into_iter().flat_map(|day| [day, day + i64::from(TWIN_DAYS)]) {
                let (words, window) = (hash(&words), day.div_euclid(TITLE_WINDOW));
                claim(format!("title:{buyer:016x}/{words:016x}/{window}"), Role::Near);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NoticeId, RawId, SourceId};

    fn notice(source: &str, format: &str, publication: &str) -> Notice {
        let id = NoticeId::new(format!("{source}/{publication}"));
        let raw = RawId::from_digest([0; 32]);
        let mut notice = Notice::new(id, SourceId::from(source), format, raw, Stage::Competition);
        notice.publication_id = Some(publication.to_owned());
        notice
    }

    fn of(notice: &Notice) -> Vec<(String, Role)> {
        let facts = super::super::facts(notice);
        claims(notice, &facts).into_iter().map(|claim| (claim.key, claim.role)).collect()
    }

    #[test]
    fn a_number_of_the_official_journal_is_one_in_every_spelling() {
        for text in ["188692-2016", "00188692-2016", " 188692-2016 ", "2016/S 106-188692", "2016/S106-188692"] {
            assert_eq!(oj(text).as_deref(), Some("oj:188692-2016"), "{text}");
        }
        for text in ["00126-2026-0048", "2016-188692", "16-119846", "973353", "0-2016"] {
            assert_eq!(oj(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_counts_where_it_is_one_of_the_official_journal() {
        let has_oj = |notice: &Notice| of(notice).iter().any(|(key, _)| key.starts_with("oj:"));
        assert!(has_oj(&notice("eu-ted", "eforms", "00188692-2016")));
        assert!(!has_oj(&notice("xx-national", "mapped:xx", "188692-2016")));
        let mut national = notice("ch-simap", "mapped:ch-simap", "19474-03");
        national.extra.insert("publicationTed".into(), "188692-2016".into());
        assert!(has_oj(&national));
        let mut national = notice("xx-national", "mapped:xx", "1");
        national.url = Some("https://ted.europa.eu/udl?uri=TED:NOTICE:188692-2016:TEXT:EN:HTML".into());
        assert!(has_oj(&national));
        national.url = Some("https://ted.europa.eu/en/notice/-/detail/188692-2016".into());
        assert!(has_oj(&national));
    }

    #[test]
    fn a_register_that_republishes_eforms_names_the_notice_and_the_procedure() {
        let (notice_id, procedure) = ("5681ff11-e080-4da6-b108-82db3f9b4b69", "6bdf9964-fa03-4118-90ef-5b18ffa6a613");
        let mut release = notice("xx", "ocds", &format!("ocds-mnwr74-{procedure}/{notice_id}"));
        release.ocid = Some(format!("ocds-mnwr74-{procedure}"));
        let mut original = notice("eu-ted", "eforms", "00188692-2016");
        original.notice_uuid = Some(notice_id.into());
        original.version = Some("01".into());
        original.procedure_id = Some(procedure.into());
        let (release, original) = (of(&release), of(&original));
        for key in [format!("uuid:{notice_id}"), format!("procedure:{procedure}")] {
            assert!([&release, &original].iter().all(|all| all.iter().any(|(known, _)| *known == key)), "{key}");
        }
    }

    #[test]
    fn what_corrects_or_modifies_one_notice_belongs_together() {
        let about = |relation, id: &str| {
            let mut notice = notice("eu-ted", "ted-export", "00188692-2016");
            notice.related.push(Related { id: id.into(), relation, evidence: "NOTICE_NUMBER_OJ".into() });
            let keys = of(&notice).into_iter().map(|(key, _)| key);
            keys.filter(|key| key.starts_with("about:")).collect::<Vec<_>>()
        };
        assert_eq!(about(Relation::Modifies, "2019/S 183-449224"), ["about:oj:449224-2019"]);
        assert_eq!(about(Relation::Changes, "449224-2019"), ["about:oj:449224-2019"]);
        assert_eq!(about(Relation::Previous, "449224-2019"), [""; 0], "which may have announced many");
        let notice_id = "5681ff11-e080-4da6-b108-82db3f9b4b69";
        assert_eq!(about(Relation::Awards, &format!("{notice_id}-01")), [format!("about:uuid:{notice_id}-1")]);
    }

    #[test]
    fn what_names_nothing_is_no_key() {
        let mut empty = notice("xx", "mapped:xx", "N-1234");
        empty.procedure_id = Some("00000000-0000-0000-0000-000000000000".into());
        empty.notice_uuid = Some("00000000-0000-0000-0000-000000000000".into());
        assert_eq!(of(&empty), [("own:xx/N-1234".to_owned(), Role::Is)]);
        empty.procedure_id = Some("0".into());
        assert_eq!(of(&empty).len(), 1);
    }

    #[test]
    fn what_is_published_together_lies_together_and_no_two_keys_are_one() {
        let stored = |key: &str| Claim { key: key.to_owned(), role: Role::Is }.hash();
        let near = |a: &str, b: &str| stored(a).wrapping_sub(stored(b)).unsigned_abs() < 1 << 50;
        assert!(near("oj:188692-2016", "oj:188690-2016") && !near("oj:188692-2016", "oj:188692-2019"));
        assert!(near("deadline:00ff/2026-11-20", "deadline:abcd/2026-11-21"));
        assert!(near("title:00ff/ab/300", "title:0cff/1b/301") && !near("title:00ff/ab/300", "title:00ff/ab/320"));
        let id = "5681ff11-e080-4da6-b108-82db3f9b4b69";
        assert!(near(&format!("uuid:{id}"), &format!("uuid:{id}-2")));
        let keys = (0..200_000).flat_map(|number| {
            ["oj:{}-2016", "own:xx/{}", "deadline:{}/2026-11-20", "title:{}/7", "own:xx/N-{}/A", "uuid:{}"]
                .map(|key| key.replace("{}", &number.to_string()))
        });
        let mut seen: Vec<i64> = keys.map(|key| stored(&key)).collect();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn roles_survive_their_numbers() {
        let refers = Relation::ALL.iter().map(|relation| Role::Refers(*relation));
        for role in [Role::Is, Role::PartOf, Role::Near].into_iter().chain(refers) {
            assert_eq!(Role::from_number(role.number()), Some(role));
        }
        assert_eq!(Role::from_number(99), None);
    }
}
