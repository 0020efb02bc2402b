//! When to stop asking: a host that refuses, a budget that is used up, hours, the end of a run.

use super::*;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tenderwatch::fetch::{Budget, Hours};

#[tokio::test]
async fn three_refusals_in_a_row_end_it() {
    let refusals: [(&str, fn() -> Reply, usize); 4] = [
        ("it answered 403", || Reply::new("403 Forbidden", &[], b"no"), 1),
        ("it answered 999", || Reply::new("999 Request denied", &[], b"no"), 1),
        ("it answered 429", || Reply::new("429 Too Many Requests", &[], b""), 3),
        ("it answered 503", || Reply::new("503 Service Unavailable", &[], b""), 3),
    ];
    for (name, refusal, tries) in refusals {
        let server = Server::script(vec![refusal]).await;
        let bench = bench();
        for n in 0..3 {
            let error = get(&bench, server.url("/")).await.err();
            assert!(!matches!(error, Some(FetchError::Broken { .. })), "{name}: {n}");
        }
        let host = format!("127.0.0.1:{}", server.port);
        for _ in 0..2 {
            let error = get(&bench, server.url("/other")).await.expect_err("left alone");
            assert!(matches!(&error, FetchError::Broken { after: 3, .. }), "{error}");
            let expected = format!(
                "fetch from {host}: it is left alone for the rest of this run after 3 refusals in a row, the last: {name}"
            );
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(server.seen().len(), 3 * tries, "{name}: nothing was sent any more");
        // an answer that the source calls one is none of them
        let bench = super::bench();
        let request = Request { accept: vec![403, 429, 503, 999], ..Request::get(server.url("/")) };
        for _ in 0..5 {
            assert!(bench.fetcher.fetch(&request, &policy()).await.is_ok(), "{name}");
        }
    }
}

#[tokio::test]
async fn an_answer_in_between_counts_from_the_start() {
    let server = Server::start(|_, n| match n % 3 {
        2 => Reply::new("404 Not Found", &[], b""),
        _ => Reply::new("403 Forbidden", &[], b""),
    })
    .await;
    let bench = bench();
    for _ in 0..12 {
        get(&bench, server.url("/")).await.expect("an answer");
    }
    // retries that end well are no refusals either
    let busy: fn() -> Reply = || Reply::new("503 Service Unavailable", &[], b"");
    let fine: fn() -> Reply = || Reply::ok("fine");
    let server = Server::script(vec![busy, busy, fine, busy, busy, fine, busy, busy, fine]).await;
    for _ in 0..3 {
        assert_eq!(get(&bench, server.url("/")).await.expect("an answer").requests, 3);
    }
}

#[tokio::test]
async fn nobody_there_is_a_refusal_too() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let bench = bench();
    for _ in 0..3 {
        let error = get(&bench, format!("http://{closed}/")).await.expect_err("nobody there");
        assert!(matches!(&error, FetchError::Connect { tries: 3, .. }), "{error}");
    }
    let error = get(&bench, format!("http://{closed}/")).await.expect_err("nobody there");
    assert!(
        matches!(&error, FetchError::Broken { reason, .. } if reason.to_lowercase().contains("refused")),
        "{error}"
    );
    assert_eq!(bench.fetcher.receipts()[0].requests, 9);

    let silent: fn() -> Reply = || Reply(vec![(Duration::from_secs(30), Vec::new())]);
    let server = Server::script(vec![silent]).await;
    let bench = bench_with(|politeness, _| {
        (politeness.idle_timeout, politeness.connect_timeout) = (Duration::from_millis(50), Duration::from_millis(50));
        politeness.retries = 0;
    });
    for _ in 0..3 {
        assert!(matches!(get(&bench, server.url("/")).await, Err(FetchError::Timeout { .. })));
    }
    let error = get(&bench, server.url("/")).await.expect_err("left alone");
    assert!(matches!(&error, FetchError::Broken { reason, .. } if reason.contains("took longer")), "{error}");
}

#[tokio::test]
async fn a_budget_counts_tries_and_redirects() {
    let server = Server::start(|seen, n| match (seen.path.as_str(), n) {
        ("/hop", _) => Reply::to("/there"),
        (_, 2) => Reply::new("502 Bad Gateway", &[], b""),
        _ => Reply::ok("there"),
    })
    .await;
    let bench = bench();
    let policy = HostPolicy { budget: Some(Budget::new(10, 6)), ..policy() };
    let ask = async |path: &str| bench.fetcher.fetch(&Request::get(server.url(path)), &policy).await;
    assert!(ask("/hop").await.is_ok());
    assert!(ask("/there").await.is_ok(), "one try and one more");
    let error = ask("/there").await.expect_err("used up");
    assert!(matches!(error, FetchError::BudgetUsed { budget: 10 }), "{error}");
    assert_eq!(error.to_string(), "fetch more: the 10 requests that this source may send are used up");
    assert_eq!((server.seen().len(), policy.tally.requests()), (4, 4));
    // in the middle of one question, too
    let server = Server::start(|seen, _| Reply::to(&format!("{}x", seen.path))).await;
    let policy = HostPolicy { budget: Some(Budget::new(3, 0)), ..super::policy() };
    let error = bench.fetcher.fetch(&Request::get(server.url("/")), &policy).await.expect_err("used up");
    assert!(matches!(error, FetchError::BudgetUsed { budget: 3 }), "{error}");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_not_overdrawn_by_many_at_once() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let bench = bench();
    let policy = HostPolicy { budget: Some(Budget::new(7, 0)), concurrency: 8, ..policy() };
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (fetcher, policy, url) = (Arc::clone(&bench.fetcher), policy.clone(), server.url("/"));
            tokio::spawn(async move { fetcher.fetch(&Request::get(url), &policy).await.is_ok() })
        })
        .collect();
    let mut good = 0;
    for task in tasks {
        good += usize::from(task.await.expect("no panic"));
    }
    assert_eq!((good, server.seen().len(), bench.fetcher.receipts()[0].requests), (7, 7, 7));
}

#[tokio::test]
async fn outside_its_hours_a_source_is_not_asked() {
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let bench = bench();
    let zone = TimeZone::get("Europe/Prague").expect("a zone");
    let time = |hours: i64| -> Time { (Timestamp::now() + hours.hours()).to_zoned(zone.clone()).time() };
    let hours = |from, to| Some(Hours { zone: zone.clone(), from: time(from), to: time(to) });
    let closed = HostPolicy { hours: hours(3, 6), ..policy() };
    let error = bench.fetcher.fetch(&Request::get(server.url("/")), &closed).await.expect_err("closed");
    assert!(matches!(&error, FetchError::OutsideHours { next } if next.timestamp() > Timestamp::now()), "{error}");
    assert!(server.seen().is_empty());
    let open = HostPolicy { hours: hours(-3, 3), ..policy() };
    assert!(bench.fetcher.fetch(&Request::get(server.url("/")), &open).await.is_ok());
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_up() {
    let late: fn() -> Reply = || {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx".to_vec();
        Reply(vec![(Duration::ZERO, head), (Duration::from_secs(3), b"x".to_vec())])
    };
    let server = Server::script(vec![late]).await;
    let bench = bench();
    let limited = || {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(200);
        HostPolicy { deadline: Some(deadline), ..policy() }
    };
    let begin = Instant::now();
    let policy = limited();
    let error = bench.fetcher.fetch(&Request::get(server.url("/")), &policy).await.expect_err("too late");
    assert!(matches!(error, FetchError::RunTimeUsed), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(2), "in the middle of an answer");
    let error = bench.fetcher.fetch(&Request::get(server.url("/")), &policy).await.expect_err("too late");
    assert!(matches!(error, FetchError::RunTimeUsed), "{error}");
    assert_eq!(server.seen().len(), 1);
    // in front of the gate
    let slow = HostPolicy { delay: Duration::from_secs(5), ..limited() };
    let error = bench.fetcher.fetch(&Request::get(server.url("/")), &slow).await.expect_err("too late");
    assert!(matches!(error, FetchError::RunTimeUsed) && begin.elapsed() < Duration::from_secs(2), "{error}");
    assert_eq!(server.seen().len(), 1, "and the next one waits its turn still");
}

#[tokio::test]
async fn a_status_that_means_again_is_asked_again() {
    let soon: fn() -> Reply = || Reply::new("202 Accepted", &[("Retry-After", "1")], b"");
    let later: fn() -> Reply = || Reply::new("202 Accepted", &[], b"being prepared");
    let fine: fn() -> Reply = || Reply::ok("ready");
    let bench = bench();
    let ask = async |server: &Server| {
        let request = Request { retry_on: vec![202], accept: vec![202], ..Request::get(server.url("/")) };
        bench.fetcher.fetch(&request, &policy()).await
    };
    let server = Server::script(vec![later, later, fine]).await;
    assert_eq!(ask(&server).await.expect("ready").requests, 3);
    let server = Server::script(vec![soon, fine]).await;
    assert!(ask(&server).await.expect("ready").waited >= Duration::from_millis(900));
    let server = Server::script(vec![later]).await;
    for _ in 0..4 {
        let error = ask(&server).await.expect_err("never ready");
        assert!(matches!(error, FetchError::Status { status: 202, tries: 3, .. }), "no refusal: {error}");
    }
}

#[tokio::test]
async fn any_answer_may_ask_for_time() {
    let bench = bench();
    let fine: fn() -> Reply = || Reply::ok("fine");
    let forbidden: fn() -> Reply = || Reply::new("403 Forbidden", &[("Retry-After", "1")], b"");
    let moved: fn() -> Reply = || Reply::new("302 Found", &[("Location", "/x"), ("Retry-After", "1")], b"");
    for (name, reply) in [("403", forbidden), ("302", moved)] {
        let server = Server::script(vec![reply, fine]).await;
        let fetched = get(&bench, server.url("/")).await.expect(name);
        assert_eq!((fetched.status, fetched.requests), (200, 2), "{name}");
        let seen = server.seen();
        assert!(seen[1].at - seen[0].at >= Duration::from_millis(990), "{name}");
    }
    // a date is measured from the host's own clock, which may be years off
    let dated: fn() -> Reply = || {
        let headers = [("Date", "Sun, 06 Nov 1994 08:49:36 GMT"), ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")];
        Reply::new("503 Service Unavailable", &headers, b"")
    };
    let server = Server::script(vec![dated, fine]).await;
    assert!(get(&bench, server.url("/")).await.expect("an answer").waited >= Duration::from_millis(900));
    // too long is too long in any of them
    let long: fn() -> Reply = || Reply::new("302 Found", &[("Location", "/x"), ("Retry-After", "3600")], b"");
    let longer: fn() -> Reply =
        || Reply::new("403 Forbidden", &[("Retry-After", "Fri, 31 Dec 2999 23:59:59 GMT")], b"");
    for (reply, until) in [(long, String::new()), (longer, "until 2999-12-31T23:59:".to_owned())] {
        let server = Server::script(vec![reply]).await;
        let error = get(&bench, server.url("/")).await.expect_err("too long");
        assert!(matches!(error, FetchError::RetryAfterTooLong { .. }), "{error}");
        assert!(error.to_string().contains(&until), "{error}");
        assert!(get(&bench, server.url("/")).await.is_err());
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_sources_at_one_host_the_slower_sets_the_pace() {
    const SLOW: Duration = Duration::from_millis(120);
    let server = Server::start(|_, _| Reply::ok("x")).await;
    let bench = bench();
    let slow = HostPolicy { delay: SLOW, ..policy() };
    let (fast, late) = (HostPolicy { concurrency: 3, ..policy() }, Duration::from_millis(15));
    let quick = async {
        for n in 0..6 {
            bench.fetcher.fetch(&Request::get(server.url(&format!("/fast/{n}"))), &fast).await.expect("an answer");
        }
    };
    let slowly = async {
        tokio::time::sleep(late).await;
        for n in 0..3 {
            bench.fetcher.fetch(&Request::get(server.url(&format!("/slow/{n}"))), &slow).await.expect("an answer");
        }
    };
    tokio::join!(quick, slowly);
    let seen = server.seen();
    let is_slow = |seen: &Seen| seen.path.starts_with("/slow");
    let checked = seen.windows(2).filter(|two| two.iter().any(is_slow));
    let slack = Duration::from_millis(10);
    let gaps: Vec<_> = checked.map(|two| two[1].at - two[0].at).collect();
    assert!(gaps.len() >= 3 && gaps.iter().all(|gap| *gap + slack >= SLOW), "{gaps:?}");
    let receipts = bench.fetcher.receipts();
    assert_eq!((receipts.len(), receipts[0].requests), (1, 9), "one gate, one proof");
}
