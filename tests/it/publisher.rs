//! The bundled example publisher: what it invents, and that it answers as the real one does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use jiff::civil::date;
use serde_json::{Value as Json, json};
use tenderwatch::notice::Stage;
use tenderwatch::publisher::{Case, Faults, Kind, Options, Plan, Planted, Publisher, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const AREAS: [&str; 8] = [
    "simulation-systems",
    "robotics",
    "false-document-detection",
    "substance-detection",
    "drones",
    "cybercrime",
    "ballistic-vests",
    "vehicle-armouring",
];

fn demo() -> Plan {
    Plan::demo("2026-11-22T12:00:00Z".parse().expect("a time"))
}

fn packaged(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let mut found = Vec::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        if entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("UTF-8");
            found.push((path, text));
        }
    }
    found
}

#[test]
fn equal_plans_give_equal_bytes_and_another_seed_gives_others() {
    let (gazette, again) = (demo().gazette(), demo().gazette());
    let other = Plan { seed: 7, ..demo() }.gazette();
    for &issue in &gazette.issues()[..3] {
        let bytes = gazette.write_package(issue, Vec::new()).expect("memory");
        assert_eq!(bytes, again.write_package(issue, Vec::new()).expect("memory"));
        assert_ne!(bytes, other.write_package(issue, Vec::new()).expect("memory"));
    }
}

#[test]
fn the_demo_plan_covers_languages_areas_kinds_and_cases() {
    let gazette = demo().gazette();
    let mut languages = BTreeMap::<String, usize>::new();
    let mut areas = BTreeMap::<String, BTreeSet<String>>::new();
    let mut kinds = BTreeMap::<Kind, usize>::new();
    let mut cases = BTreeMap::<Case, usize>::new();
    let (mut ids, mut several, mut joint, mut defence, mut withheld, mut soon) = (BTreeSet::new(), 0, 0, 0, 0, 0);
    for notice in demo().notices() {
        assert!(ids.insert(notice.publication_id.clone()), "{} twice", notice.publication_id);
        *languages.entry(notice.languages[0].clone()).or_default() += 1;
        for category in &notice.categories {
            assert!(AREAS.contains(&category.as_str()), "{category}");
            areas.entry(category.clone()).or_default().insert(notice.languages[0].clone());
        }
        *kinds.entry(notice.kind).or_default() += 1;
        *cases.entry(notice.case).or_default() += 1;
        several += usize::from(notice.languages.len() > 1);
        joint += usize::from(notice.buyers.len() > 1);
        defence += usize::from(notice.defence);
        withheld += usize::from(matches!(notice.awarded, tenderwatch::publisher::Value::Withheld { .. }));
        let last = demo().last_day;
        soon += usize::from(notice.deadline.is_some_and(|closing| {
            closing.day > last && closing.day <= last.saturating_add(jiff::Span::new().days(14))
        }));
    }
    eprintln!("languages {languages:?}\nkinds {kinds:?}\ncases {cases:?}");
    eprintln!("several languages {several}, joint {joint}, defence {defence}, withheld {withheld}, soon {soon}");
    for (area, in_languages) in &areas {
        eprintln!("{area}: {} languages {in_languages:?}", in_languages.len());
    }
    assert!(ids.len() >= 120, "{}", ids.len());
    assert_eq!(languages.len(), 22, "{languages:?}");
    assert_eq!(areas.len(), AREAS.len());
    assert!(areas.values().all(|languages| languages.len() >= 10), "{areas:?}");
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    assert_eq!(cases.len(), 3, "{cases:?}");
    assert!(several >= 3 && joint >= 3 && defence >= 3 && withheld >= 3 && soon >= 20);
    // numbers follow dates, and the last issue is a Friday
    let dates: Vec<_> = (0..gazette.len()).map(|at| gazette.notice(at).issue.day).collect();
    assert!(dates.is_sorted());
    assert_eq!(dates.last(), Some(&date(2026, 11, 20)));
    assert_eq!(gazette.issues().len(), 15);
}

#[test]
fn every_document_is_well_formed_and_says_what_the_plan_says() {
    const CBC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
    const EFBC: &str = "http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1";
    for notice in demo().notices() {
        let text = notice.xml();
        let document = roxmltree::Document::parse(&text)
            .unwrap_or_else(|error| panic!("{}: {error}\n{text}", notice.publication_id));
        let root = document.root_element();
        let local = root.tag_name().name();
        assert_eq!(
            root.tag_name().namespace(),
            Some(format!("urn:oasis:names:specification:ubl:schema:xsd:{local}-2").as_str())
        );
        let all = |namespace: &str, name: &str| -> Vec<String> {
            let wanted = |node: &roxmltree::Node| node.has_tag_name((namespace, name));
            root.descendants().filter(wanted).filter_map(|node| node.text().map(ToOwned::to_owned)).collect()
        };
        assert_eq!(all(EFBC, "NoticePublicationID"), std::slice::from_ref(&notice.publication_id));
        assert_eq!(all(EFBC, "GazetteID"), [notice.issue.slashed()]);
        assert_eq!(all(CBC, "SubTypeCode"), [notice.subtype]);
        assert_eq!(all(CBC, "ContractFolderID").len(), usize::from(notice.kind != Kind::Planning));
        for (_, title) in notice.title.iter().chain(&notice.description) {
            assert!(all(CBC, "Name").contains(title) || all(CBC, "Description").contains(title), "{title}");
        }
        for buyer in &notice.buyers {
            assert!(all(CBC, "Name").contains(&buyer.name[0].1));
        }
        let closings = all(CBC, "EndDate");
        assert_eq!(notice.deadline.is_some(), !closings.is_empty(), "{}", notice.publication_id);
        let references: BTreeSet<String> = all(CBC, "ID").into_iter().filter(|id| id.starts_with("ORG-")).collect();
        assert_eq!(references.len(), notice.buyers.len() + 1 + notice.winners.len());
        assert_eq!(!notice.winners.is_empty(), root.descendants().any(|node| node.tag_name().name() == "NoticeResult"));
        for word in ["{t}", "{n}", "{m}", "{city}"] {
            assert!(!text.contains(word), "{word} left in {text}");
        }
    }
}

#[test]
fn follow_ups_repeat_the_procedure_of_the_notice_they_follow() {
    let gazette = demo().gazette();
    let mut followed = 0;
    for notice in demo().notices() {
        let Some(at) = notice.earlier.as_ref().and_then(|earlier| earlier.at) else { continue };
        let earlier = gazette.notice(at);
        assert!(earlier.issue.day < notice.issue.day, "{} follows on the same day", notice.publication_id);
        assert_eq!(notice.procedure_id, earlier.procedure_id);
        assert_eq!(notice.title, earlier.title);
        assert_eq!(notice.earlier.as_ref().map(|e| e.publication_id.clone()), Some(earlier.publication_id.clone()));
        assert_eq!(gazette.find(&earlier.publication_id), Some(at));
        followed += 1;
    }
    assert!(followed >= 30, "{followed}");
    let stages: BTreeSet<Stage> = gazette.expected().map(|expected| expected.stage).collect();
    assert!(stages.contains(&Stage::Cancellation) && stages.contains(&Stage::Change), "{stages:?}");
}

#[test]
fn a_planted_notice_is_published_as_given() {
    let planted = Planted {
        at: 17,
        language: "fr".to_owned(),
        title: "Étude <A & B> \"essai\"".to_owned(),
        description: "Texte\u{1} donné.".to_owned(),
        cpv: "73000000".to_owned(),
        buyer: Some("Préfecture Zzyzx".to_owned()),
        categories: vec!["drones".to_owned()],
    };
    let plan = Plan { planted: vec![planted.clone()], ..demo() };
    let notice = plan.gazette().notice(17);
    assert_eq!((notice.case, notice.kind), (Case::Planted, Kind::Competition));
    let text = notice.xml();
    let document = roxmltree::Document::parse(&text).expect("well formed");
    let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    for wanted in [planted.title.as_str(), "Texte  donné.", "Préfecture Zzyzx", "73000000"] {
        assert!(texts.contains(&wanted), "{wanted}");
    }
    assert_eq!(notice.categories, planted.categories);
    roxmltree::Document::parse(&plan.gazette().notice(33).xml()).expect("well formed");
}

#[test]
fn packages_hold_every_notice_once_under_its_name() {
    let gazette = demo().gazette();
    let folder = tempfile::tempdir().expect("a folder");
    let paths = gazette.write_packages(folder.path()).expect("written");
    assert_eq!(paths.len(), gazette.issues().len());
    let mut names = BTreeSet::new();
    for (path, issue) in paths.iter().zip(gazette.issues()) {
        assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(issue.file_name().as_str()));
        for (name, _) in packaged(&std::fs::read(path).expect("readable")) {
            let (inside, file) = name.split_once('/').expect("one folder");
            assert_eq!(inside, issue.folder());
            assert!(names.insert(file.to_owned()), "{file} twice");
        }
    }
    assert_eq!(names.len(), gazette.len());
    assert!(names.contains("00500001_2026.xml"));
}

#[test]
fn a_million_notices_cost_no_more_than_the_ones_that_are_looked_at() {
    let plan = Plan { notices: 1_000_000, weeks: 60, ..demo() };
    let gazette = plan.gazette();
    let counted: usize = gazette.issues().iter().map(|issue| gazette.places(*issue).len()).sum();
    assert_eq!(counted, 1_000_000);
    let mut last = (0, 0);
    for at in (0..1_000_000).step_by(9_973) {
        let notice = gazette.notice(at);
        assert_eq!(gazette.find(&notice.publication_id), Some(at), "{}", notice.publication_id);
        assert!(gazette.places(notice.issue).contains(&at));
        let (number, year) = notice.publication_id.split_once('-').expect("number and year");
        let order = (year.parse().expect("a year"), number.parse::<u32>().expect("a number"));
        assert!(order > last, "{order:?} after {last:?}");
        last = order;
    }
    assert_eq!(plan.notices().take(3).count(), 3);
}

/// One HTTP/1.1 exchange by hand: status, head, body, and whether the body is as long as announced.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    complete: bool,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

async fn exchange(publisher: &Publisher, method: &str, path: &str, body: &str) -> Answer {
    let agent = "Mozilla/5.0 (compatible; tenderwatch/0; +tests@example.org)";
    exchange_as(publisher, agent, method, path, body).await
}

async fn exchange_as(publisher: &Publisher, agent: &str, method: &str, path: &str, body: &str) -> Answer {
    let mut socket = TcpStream::connect(publisher.address()).await.expect("it listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: example\r\nUser-Agent: {agent}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    // a connection that breaks off may also be reset
    socket.read_to_end(&mut bytes).await.ok();
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..split].to_vec()).expect("ASCII").to_lowercase();
    let body = bytes[split + 4..].to_vec();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let complete = announced.is_none_or(|length| length == body.len());
    Answer { status, head, body, complete }
}

#[tokio::test]
async fn packages_come_with_their_faults_and_heal() {
    let faults = Faults {
        throttled: Some(0),
        truncated: Some(1),
        unavailable: Some(2),
        challenged: Some(3),
        omitted: Some(4),
        replaced: Some(5),
        missing: None,
        search_throttled: true,
    };
    let publisher = serve(&demo(), Options { faults, ..Options::default() }).await.expect("a port");
    let gazette = publisher.gazette().clone();
    let path = |nth: usize| format!("/packages/daily/{}", gazette.issues()[nth].path_number());
    let expected = |nth: usize| gazette.places(gazette.issues()[nth]).len();

    let throttled = exchange(&publisher, "GET", &path(0), "").await;
    assert_eq!(throttled.status, 429);
    assert!(throttled.head.contains("retry-after: 1"));
    let truncated = exchange(&publisher, "GET", &path(1), "").await;
    assert_eq!(truncated.status, 200);
    assert!(!truncated.complete && !truncated.body.is_empty(), "{} bytes", truncated.body.len());
    assert_eq!(exchange(&publisher, "GET", &path(2), "").await.status, 503);
    let challenged = exchange(&publisher, "GET", &path(3), "").await;
    assert_eq!((challenged.status, challenged.body.len()), (202, 0));
    assert!(challenged.head.contains("x-amzn-waf-action: challenge"));
    let short = packaged(&exchange(&publisher, "GET", &path(5), "").await.body).len();
    assert_eq!(short, expected(5) - 1);

    for nth in [0, 1, 2, 3, 5] {
        let answer = exchange(&publisher, "GET", &path(nth), "").await;
        assert_eq!(answer.status, 200);
        assert!(answer.complete, "package {nth}");
        let name = gazette.issues()[nth].file_name();
        assert!(
            answer.head.contains(&format!("content-disposition: attachment; filename=\"{name}\"")),
            "{}",
            answer.head
        );
        assert!(!answer.head.contains("etag"));
        assert_eq!(packaged(&answer.body).len(), expected(nth), "package {nth}");
    }
    for _ in 0..2 {
        assert_eq!(packaged(&exchange(&publisher, "GET", &path(4), "").await.body).len(), expected(4) - 1);
    }

    let last = gazette.issues().last().expect("an issue");
    let tomorrow = format!("/packages/daily/{:04}{:05}", last.year, last.number + 1);
    assert_eq!(exchange(&publisher, "GET", &tomorrow, "").await.status, 404);
    assert_eq!(exchange(&publisher, "GET", "/packages/daily/2026", "").await.status, 404);
    assert_eq!(exchange(&publisher, "POST", "/v3/notices/search", "{}").await.status, 429);
    assert_eq!(exchange(&publisher, "POST", "/v3/notices/search", "{}").await.status, 400);

    let notice = gazette.notice(7);
    let single = exchange(&publisher, "GET", &format!("/en/notice/{}/xml", notice.short_id()), "").await;
    assert_eq!(String::from_utf8(single.body).expect("UTF-8"), notice.xml());
    assert_eq!(exchange(&publisher, "GET", "/en/notice/1-2026/xml", "").await.status, 404);
    assert_eq!(exchange(&publisher, "GET", "/robots.txt", "").await.status, 200);

    let seen = publisher.requests();
    assert_eq!((seen[0].path.as_str(), seen[0].status), (path(0).as_str(), 429));
    assert!(seen.iter().all(|seen| seen.user_agent.as_deref().is_some_and(|agent| agent.starts_with("Mozilla"))));
    let base = publisher.base_url().to_owned();
    assert!(base.starts_with("http://127.0.0.1:"));
    let address = publisher.address();
    publisher.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_picky_publisher_challenges_plain_clients() {
    let publisher = serve(&demo(), Options { picky: true, ..Options::default() }).await.expect("a port");
    let path = format!("/packages/daily/{}", publisher.gazette().issues()[0].path_number());
    assert_eq!(exchange_as(&publisher, "curl/8.5", "GET", &path, "").await.status, 202);
    assert_eq!(exchange(&publisher, "GET", &path, "").await.status, 200);
    assert_eq!(exchange_as(&publisher, "curl/8.5", "GET", "/robots.txt", "").await.status, 200);
}

async fn search(publisher: &Publisher, body: Json) -> Answer {
    exchange(publisher, "POST", "/v3/notices/search", &body.to_string()).await
}

#[tokio::test]
async fn the_search_api_pages_through_every_notice_once_in_both_modes() {
    let publisher = serve(&demo(), Options::default()).await.expect("a port");
    let all: BTreeSet<String> = demo().notices().map(|notice| notice.short_id().to_owned()).collect();
    let numbers = |answer: &Json| -> Vec<String> {
        let notices = answer["notices"].as_array().expect("a list");
        notices.iter().map(|row| row["publication-number"].as_str().expect("a number").to_owned()).collect()
    };
    for (query, descending) in [
        ("publication-date>=20200101 SORT BY publication-number", false),
        ("publication-date>=20200101 AND publication-date<=20991231 SORT BY publication-date DESC", true),
    ] {
        let (mut by_page, mut page) = (Vec::new(), 1);
        loop {
            let body = json!({"query": query, "fields": ["publication-number"], "limit": 100, "page": page});
            let answer = search(&publisher, body).await.json();
            assert_eq!(answer["totalNoticeCount"], all.len());
            assert!(answer["iterationNextToken"].is_null());
            let rows = numbers(&answer);
            if rows.is_empty() {
                break;
            }
            by_page.extend(rows);
            page += 1;
        }
        let (mut by_token, mut token) = (Vec::new(), Json::Null);
        loop {
            let body = json!({"query": query, "fields": ["publication-number", "ojs-number"], "limit": 90,
                "paginationMode": "ITERATION", "iterationNextToken": token});
            let answer = search(&publisher, body).await.json();
            let rows = numbers(&answer);
            by_token.extend(rows.clone());
            token = answer["iterationNextToken"].clone();
            if rows.is_empty() || token.is_null() {
                break;
            }
        }
        for rows in [&by_page, &by_token] {
            assert_eq!(rows.len(), all.len());
            assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), all);
            assert_eq!(rows[0] > rows[all.len() - 1], descending);
        }
    }
}

#[tokio::test]
async fn the_search_api_answers_and_refuses_like_the_real_one() {
    let publisher = serve(&demo(), Options::default()).await.expect("a port");
    let issue = publisher.gazette().issues()[3];
    let query = format!("publication-date={}", issue.day.strftime("%Y%m%d"));
    let fields = [
        "publication-number",
        "publication-date",
        "ojs-number",
        "notice-type",
        "form-type",
        "buyer-country",
        "classification-cpv",
        "notice-title",
        "procedure-identifier",
    ];
    let answer =
        search(&publisher, json!({"query": query, "fields": fields, "limit": 250, "scope": "ALL"})).await.json();
    let places = publisher.gazette().places(issue);
    assert_eq!(answer["totalNoticeCount"], places.len());
    assert_eq!(answer["timedOut"], false);
    for (row, at) in answer["notices"].as_array().expect("a list").iter().zip(places.clone()) {
        let notice = publisher.gazette().notice(at);
        assert_eq!(row["publication-number"], notice.short_id());
        assert_eq!(row["publication-date"], format!("{}+01:00", issue.day));
        assert_eq!(row["ojs-number"], issue.slashed());
        assert_eq!(row["classification-cpv"][0], notice.cpv.as_str());
        assert_eq!(row.get("procedure-identifier").is_none(), notice.kind == Kind::Planning);
        let xml = format!("{}/en/notice/{}/xml", publisher.base_url(), notice.short_id());
        assert_eq!(row["links"]["xml"]["MUL"], xml);
    }
    let latest =
        json!({"query": "publication-date>=20200101", "fields": ["publication-number"], "onlyLatestVersions": true});
    let latest = search(&publisher, latest).await.json();
    let follow_ups =
        demo().notices().filter(|notice| matches!(notice.kind, Kind::Correction | Kind::Cancellation)).count();
    assert_eq!(latest["totalNoticeCount"], demo().notices - follow_ups);
    let refused = [
        (json!({"query": query, "fields": ["publication-number"], "size": 5}), 400, "UNKNOWN_PARAMETER"),
        (json!({"query": query, "fields": ["no-such-field"]}), 400, "publication-number"),
        (json!({"query": query, "fields": []}), 400, "MISSING_PARAMETER"),
        (json!({"query": query, "fields": ["publication-number"], "limit": 251}), 400, "SEARCH_EXCEEDS_MAX_LIMIT"),
        (
            json!({"query": query, "fields": ["publication-number"], "limit": 250, "page": 61}),
            400,
            "SEARCH_WINDOW_TOO_WIDE",
        ),
        (
            json!({"query": "publication-date=2026-11-20", "fields": ["publication-number"]}),
            400,
            "QUERY_INVALID_FIELD_FORMAT",
        ),
        (json!({"query": "no-such-field=1", "fields": ["publication-number"]}), 400, "QUERY_UNKNOWN_FIELD"),
        (json!({"query": "publication-date", "fields": ["publication-number"]}), 400, "QUERY_SYNTAX_ERROR"),
        (
            json!({"query": query, "fields": ["publication-number"], "paginationMode": "ITERATION",
            "iterationNextToken": "5a.0000000000000000"}),
            500,
            "INTERNAL_ERROR",
        ),
    ];
    for (body, status, mention) in refused {
        let answer = search(&publisher, body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.json().to_string().contains(mention), "{body}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_slow_publisher_can_be_stopped_in_the_middle() {
    let delay = std::time::Duration::from_millis(20);
    let publisher = serve(&demo(), Options { chunk_delay: Some(delay), ..Options::default() }).await.expect("a port");
    let path = format!("/packages/daily/{}", publisher.gazette().issues()[0].path_number());
    let started = std::time::Instant::now();
    let answer = exchange(&publisher, "GET", &path, "").await;
    assert!(answer.complete);
    let chunks = u32::try_from(answer.body.len() / 4096).expect("few");
    assert!(started.elapsed() >= delay * chunks.saturating_sub(1), "{chunks} chunks in {:?}", started.elapsed());
    let address = publisher.address();
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("sent");
    let mut first = [0; 512];
    assert!(socket.read(&mut first).await.expect("begun") > 0);
    publisher.run_until(std::future::ready(())).await;
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.ok();
    assert!(first.len() + rest.len() < answer.body.len());
}
