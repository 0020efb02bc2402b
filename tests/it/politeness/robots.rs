//! robots.txt: asked once, before anything else, and heeded at every hop.

use super::*;
use tenderwatch::fetch::Budget;

fn obeying() -> HostPolicy {
    HostPolicy { robots: Robots::Obey, ..policy() }
}

/// Everything but robots.txt is there.
async fn server(robots: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |seen, _| if seen.path == "/robots.txt" { robots() } else { Reply::ok("page") }).await
}

fn paths(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|seen| seen.path).collect()
}

async fn ask(bench: &Bench, policy: &HostPolicy, url: String) -> Result<Fetched, FetchError> {
    bench.fetcher.fetch(&Request::get(url), policy).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_asked_once_and_first() {
    let server = server(|| Reply::ok("User-agent: *\nDisallow: /private")).await;
    let bench = bench();
    let policy = HostPolicy { concurrency: 3, cookies: true, ..obeying() };
    let tasks: Vec<_> = (0..5)
        .map(|n| {
            let (fetcher, policy, url) = (Arc::clone(&bench.fetcher), policy.clone(), server.url(&format!("/{n}")));
            let headers = vec![("X-Api-Key".to_owned(), "s3cret".to_owned())];
            tokio::spawn(async move { fetcher.fetch(&Request { headers, ..Request::get(url) }, &policy).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic").expect("allowed").requests, 1, "robots.txt is not its request");
    }
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (6, "/robots.txt"));
    assert!(seen[1..].iter().all(|seen| seen.path != "/robots.txt" && seen.headers["x-api-key"] == "s3cret"));
    assert!(!seen[0].headers.contains_key("x-api-key"), "it goes without keys");
    assert!(seen[0].headers["user-agent"].contains("tenderwatch/"));
    assert_eq!((policy.tally.requests(), bench.fetcher.receipts()[0].requests), (6, 6), "it counts");
    // another source at the same host knows already
    assert!(ask(&bench, &obeying(), server.url("/other")).await.is_ok());
    assert_eq!(server.seen().len(), 7);
    // another run asks again
    let again = super::bench();
    assert!(ask(&again, &obeying(), server.url("/other")).await.is_ok());
    assert_eq!(server.seen().len(), 9);
}

#[tokio::test]
async fn what_it_asks_to_leave_alone_is_left_alone() {
    let other = server(|| Reply::ok("User-agent: tenderwatch\nDisallow: /there$\n")).await;
    let there = other.url("/there");
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/robots.txt" => Reply::ok("User-agent: *\nDisallow: /\nAllow: /open\nAllow: /hop\nAllow: /away\n"),
        "/hop" => Reply::to("/closed?key=1"),
        "/away" => Reply::to(&there),
        _ => Reply::ok("page"),
    })
    .await;
    let bench = bench();
    let policy = obeying();
    assert!(ask(&bench, &policy, server.url("/open?x=1")).await.is_ok());
    let error = ask(&bench, &policy, server.url("/closed")).await.expect_err("closed");
    assert!(matches!(&error, FetchError::Robots { rule, .. } if rule == "Disallow: /"), "{error}");
    let said = format!("fetch {}: robots.txt of its host says \"Disallow: /\"", server.url("/closed"));
    assert_eq!(error.to_string(), said);
    let error = ask(&bench, &policy, server.url("/hop")).await.expect_err("closed").to_string();
    assert!(error.contains("/closed?key=***: robots.txt"), "{error}");
    let error = ask(&bench, &policy, server.url("/away")).await.expect_err("closed there").to_string();
    assert!(error.contains("Disallow: /there$"), "{error}");
    assert_eq!(paths(&server), ["/robots.txt", "/open?x=1", "/hop", "/away"]);
    assert_eq!(paths(&other), ["/robots.txt"]);

    let overriding = HostPolicy { robots: Robots::Override, ..policy };
    assert!(ask(&bench, &overriding, server.url("/closed")).await.is_ok(), "with a reason in the definition");
    // what a source asks for by name is an answer like any other
    assert!(ask(&bench, &obeying(), server.url("/robots.txt")).await.is_ok());
}

#[tokio::test]
async fn who_overrides_it_does_not_ask_for_it() {
    let server = server(|| Reply::ok("User-agent: *\nDisallow: /")).await;
    assert!(ask(&bench(), &policy(), server.url("/page")).await.is_ok());
    assert_eq!(paths(&server), ["/page"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_that_it_asks_for_is_kept() {
    const WISH: Duration = Duration::from_millis(150);
    let server = server(|| Reply::ok("User-agent: *\nCrawl-delay: 0.15\n")).await;
    let bench = bench();
    let policy = HostPolicy { concurrency: 3, jitter: 0.1, ..obeying() };
    storm(&server, &bench, &policy, 2).await;
    // a source that does not heed it cannot come in between
    storm(&server, &bench, &HostPolicy { robots: Robots::Override, ..policy }, 1).await;
    let starts: Vec<_> = server.seen().iter().map(|seen| seen.at).collect();
    assert_eq!(starts.len(), 16);
    let slack = Duration::from_millis(10);
    let close: Vec<_> = starts.windows(2).map(|two| two[1] - two[0]).filter(|gap| *gap + slack < WISH).collect();
    assert!(close.is_empty(), "0 violations by the server's clock, found {close:?}");
    let receipt = bench.fetcher.receipts().remove(0);
    assert_eq!(receipt.limit, "1 request per 150 ms (Crawl-delay of its robots.txt), 3 at a time");
    assert!(receipt.min_gap_ms.is_some_and(|gap| gap >= 150), "{receipt:?}");

    let patient = HostPolicy { delay: Duration::from_millis(200), ..obeying() };
    let bench = super::bench();
    assert!(ask(&bench, &patient, server.url("/")).await.is_ok());
    assert_eq!(bench.fetcher.receipts()[0].limit, "1 request per 200 ms, 1 at a time", "the longer one wins");
}

#[tokio::test]
async fn none_there_is_a_yes_and_none_to_be_had_is_a_no() {
    let yes: [(&str, fn() -> Reply); 8] = [
        ("404", || Reply::new("404 Not Found", &[], b"User-agent: *\nDisallow: /")),
        ("403", || Reply::new("403 Forbidden", &[], b"")),
        ("401", || Reply::new("401 Unauthorized", &[], b"")),
        ("408", || Reply::new("408 Request Timeout", &[], b"")),
        ("empty", || Reply::ok("")),
        ("204", || Reply::raw("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")),
        ("page", || Reply::new("200 OK", &[("Content-Type", "text/html")], b"<html>Disallow: /</html>")),
        ("one bad try", || Reply::new("404 Not Found", &[("Retry-After", "0")], b"")),
    ];
    for (name, robots) in yes {
        let server = server(robots).await;
        let bench = bench();
        for _ in 0..4 {
            let answer = ask(&bench, &obeying(), server.url("/page")).await;
            assert!(answer.is_ok_and(|fetched| fetched.status == 200), "{name}");
        }
    }
    let no: [(&str, fn() -> Reply, usize); 9] = [
        ("answered 500", || Reply::new("500 Internal Server Error", &[], b""), 3),
        ("answered 503", || Reply::new("503 Service Unavailable", &[], b""), 3),
        ("answered 429", || Reply::new("429 Too Many Requests", &[], b""), 3),
        ("answered 999", || Reply::new("999 No", &[], b""), 1),
        ("answered 202", || Reply::new("202 Accepted", &[("x-amzn-waf-action", "challenge")], b""), 1),
        ("took longer", || Reply(vec![(Duration::from_secs(30), Vec::new())]), 3),
        ("not whole", || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *\nAllow: /"), 3),
        ("example.com among its hosts", || Reply::to("https://example.com/robots.txt"), 1),
        ("circle", || Reply::to("/robots.txt"), 1),
    ];
    for (reason, robots, asked) in no {
        let server = server(robots).await;
        let bench = bench_with(|politeness, _| {
            (politeness.idle_timeout, politeness.connect_timeout) =
                (Duration::from_millis(50), Duration::from_millis(50));
        });
        for _ in 0..4 {
            let error = ask(&bench, &obeying(), server.url("/page")).await.expect_err(reason);
            assert!(matches!(&error, FetchError::RobotsUnreachable { .. }), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(paths(&server), vec!["/robots.txt"; asked], "{reason}: asked once, and nothing else");
        assert!(ask(&bench, &policy(), server.url("/page")).await.is_ok(), "{reason}: the host itself is well");
    }
}

#[tokio::test]
async fn a_redirect_of_it_is_followed_to_named_hosts() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/robots.txt" => Reply::to("/static/robots.txt"),
        "/static/robots.txt" => Reply::ok("User-agent: *\nDisallow: /a"),
        _ => Reply::ok("page"),
    })
    .await;
    let bench = bench();
    assert!(matches!(ask(&bench, &obeying(), server.url("/a")).await, Err(FetchError::Robots { .. })));
    assert!(ask(&bench, &obeying(), server.url("/b")).await.is_ok());
    assert_eq!(paths(&server), ["/robots.txt", "/static/robots.txt", "/b"]);
}

#[tokio::test]
async fn of_a_huge_one_the_beginning_counts() {
    let endless = || {
        let mut pieces = vec![
            (Duration::ZERO, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()),
            (Duration::ZERO, b"User-agent: *\nDisallow: /private\n".to_vec()),
        ];
        pieces.extend((0..1000).map(|_| (Duration::ZERO, b"# more of the same\n".repeat(3450))));
        Reply(pieces)
    };
    let server = server(endless).await;
    let bench = bench();
    let policy = obeying();
    assert!(matches!(ask(&bench, &policy, server.url("/private")).await, Err(FetchError::Robots { .. })));
    assert!(ask(&bench, &policy, server.url("/open")).await.is_ok());
    assert!((512 << 10..2 << 20).contains(&policy.tally.bytes()), "{}", policy.tally.bytes());
}

#[tokio::test]
async fn a_budget_that_ends_with_it_says_nothing_about_the_host() {
    let server = server(|| Reply::new("503 Service Unavailable", &[], b"")).await;
    let bench = bench();
    let poor = HostPolicy { budget: Some(Budget::new(2, 0)), ..obeying() };
    let error = ask(&bench, &poor, server.url("/page")).await.expect_err("used up");
    assert!(matches!(error, FetchError::BudgetUsed { budget: 2 }), "{error}");
    assert_eq!((paths(&server).len(), poor.tally.requests()), (2, 2), "robots.txt and its retry are requests");
    let error = ask(&bench, &obeying(), server.url("/page")).await.expect_err("no robots.txt");
    assert!(matches!(error, FetchError::RobotsUnreachable { .. }), "asked again for the next one: {error}");
    assert_eq!(paths(&server).len(), 5);
}
