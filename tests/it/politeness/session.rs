//! What a request carries: bodies, cookies, keys, and how little of it goes along to another host.

use super::*;
use serde_json::json;
use tenderwatch::fetch::{Part, PartContent, RequestBody};

fn posting(url: String, body: RequestBody) -> Request {
    Request { body: Some(body), ..Request::get(url) }
}

#[tokio::test]
async fn bodies_arrive_as_they_are_meant() {
    let server = Server::start(|_, _| Reply::ok("[]")).await;
    let bench = bench();
    let parts = vec![
        Part { name: "query".into(), content: PartContent::Json(json!({"bool": {"must": []}})) },
        Part { name: "text".into(), content: PartContent::Text("***".into()) },
    ];
    let bodies = [
        RequestBody::Json(json!({"z": 1, "a": [true]})),
        RequestBody::Form(vec![("b".into(), "ä &".into()), ("a".into(), "1".into())]),
        RequestBody::Multipart(parts),
        RequestBody::Raw { text: "<q>ü</q>".into(), media_type: "text/xml; charset=utf-8".into() },
    ];
    for body in bodies {
        let request = Request { accept_media: Some("application/json".into()), ..posting(server.url("/"), body) };
        bench.fetcher.fetch(&request, &policy()).await.expect("an answer");
    }
    let seen = server.seen();
    let media = |n: usize| seen[n].headers["content-type"].as_str();
    let text = |n: usize| String::from_utf8(seen[n].body.clone()).expect("text");
    assert!(seen.iter().all(|seen| seen.method == "POST" && seen.headers["accept"] == "application/json"));
    assert_eq!((media(0), text(0).as_str()), ("application/json", r#"{"z":1,"a":[true]}"#));
    assert_eq!((media(1), text(1).as_str()), ("application/x-www-form-urlencoded", "b=%C3%A4+%26&a=1"));
    let boundary = media(2).strip_prefix("multipart/form-data; boundary=").expect("multipart");
    let text_2 = text(2);
    let fields: Vec<_> = text_2.split(&format!("--{boundary}")).collect();
    let disposition = "\r\nContent-Disposition: form-data; name=";
    assert_eq!(
        fields,
        [
            "",
            &format!(
                "{disposition}\"query\"\r\nContent-Type: application/json\r\n\r\n{{\"bool\":{{\"must\":[]}}}}\r\n"
            ),
            &format!("{disposition}\"text\"\r\n\r\n***\r\n"),
            "--\r\n",
        ]
    );
    assert_eq!((media(3), text(3).as_str()), ("text/xml; charset=utf-8", "<q>ü</q>"));
}

#[tokio::test]
async fn a_redirect_keeps_a_body_or_becomes_a_get() {
    let server = Server::start(|seen, _| match seen.path.strip_prefix("/hop/") {
        Some(status) => Reply::new(&format!("{status} Moved"), &[("Location", "/there")], b""),
        None => Reply::ok("there"),
    })
    .await;
    let bench = bench();
    for (status, method, body) in
        [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "a=1"), (308, "POST", "a=1")]
    {
        let form = RequestBody::Form(vec![("a".into(), "1".into())]);
        let request = posting(server.url(&format!("/hop/{status}")), form);
        bench.fetcher.fetch(&request, &policy()).await.expect("an answer");
        let last = server.seen().pop().expect("a request");
        let kept = last.headers.contains_key("content-type");
        assert_eq!((last.method.as_str(), last.body.as_slice(), kept), (method, body.as_bytes(), method == "POST"));
        assert_eq!(last.path, "/there");
    }
}

#[tokio::test]
async fn cookies_are_kept_for_one_source_and_one_run() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/login" => {
            Reply::new("302 Found", &[("Location", "/list"), ("Set-Cookie", "session=1; Path=/; HttpOnly")], b"")
        }
        "/more" => Reply::new("200 OK", &[("Set-Cookie", "lang=ro; Path=/"), ("Set-Cookie", "s=2; Path=/x")], b"more"),
        "/away" => {
            Reply::to(&format!("http://localhost:{}/there", seen.headers["host"].rsplit(':').next().unwrap_or("")))
        }
        _ => Reply::ok("page"),
    })
    .await;
    let bench = bench();
    let policy = HostPolicy { cookies: true, allow_private: vec!["127.0.0.1".into(), "localhost".into()], ..policy() };
    let own = policy.clone(); // of the same source
    for (policy, path) in
        [(&policy, "/login"), (&own, "/more"), (&policy, "/list"), (&policy, "/x"), (&policy, "/away")]
    {
        let fetched = bench.fetcher.fetch(&Request::get(server.url(path)), policy).await.expect(path);
        assert!(fetched.header("set-cookie").is_none(), "it is no part of the answer");
    }
    let other = HostPolicy { cookies: true, ..super::policy() };
    bench.fetcher.fetch(&Request::get(server.url("/other")), &other).await.expect("an answer");
    let none = HostPolicy { cookies: false, ..policy.clone() };
    bench.fetcher.fetch(&Request::get(server.url("/none")), &none).await.expect("an answer");
    let sent: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| {
            let mut cookies: Vec<_> = seen.headers.get("cookie").map_or(Vec::new(), |all| all.split("; ").collect());
            cookies.sort_unstable();
            format!("{} {}", seen.path, cookies.join(" "))
        })
        .collect();
    assert_eq!(
        sent,
        [
            "/login ",
            "/list session=1", // set by the redirect itself
            "/more session=1",
            "/list lang=ro session=1",
            "/x lang=ro s=2 session=1",
            "/away lang=ro session=1",
            "/there ", // by another name it is another host
            "/other ", // another source
            "/none ",
        ]
    );
    assert!(!format!("{policy:?}").contains("session"), "cookies are keys");
}

#[tokio::test]
async fn keys_go_to_their_host_only_and_are_said_to_nobody() {
    let target = Server::start(|_, _| Reply::ok("there")).await;
    let there = target.url("/there?usr=s3cret&page=2");
    let server = Server::start(move |seen, _| match seen.path.split('?').next() {
        Some("/away") => Reply::to(&there),
        Some("/home") => Reply::to("/there"),
        Some("/loop") => Reply::to(&seen.path),
        Some("/down") => Reply::new("500 Internal Server Error", &[], b""),
        _ => Reply::ok("home"),
    })
    .await;
    let bench = bench();
    let ask = async |path: &str| {
        let request = Request {
            headers: vec![
                ("Authorization".into(), "Basic s3cret".into()),
                ("Ocp-Apim-Subscription-Key".into(), "s3cret".into()),
                ("Accept-Language".into(), "ro".into()),
            ],
            query_keys: vec![("usr".into(), "s3cret".into())],
            ..Request::get(server.url(path))
        };
        bench.fetcher.fetch(&request, &policy()).await
    };
    let fetched = ask("/away?page=1").await.expect("an answer");
    assert_eq!(fetched.url.as_str(), target.url("/there?page=2"));
    let seen = &target.seen()[0];
    assert_eq!((seen.path.as_str(), seen.headers["accept-language"].as_str()), ("/there?page=2", "ro"));
    assert!(!format!("{seen:?}").contains("s3cret"), "{seen:?}");
    assert_eq!(ask("/home").await.expect("an answer").url.as_str(), server.url("/there"));
    let seen = server.seen();
    assert_eq!(seen[0].path, "/away?page=1&usr=s3cret");
    assert_eq!(seen[2].path, "/there?usr=s3cret", "the same host still gets them");
    for name in ["authorization", "ocp-apim-subscription-key"] {
        assert!(seen.iter().all(|seen| seen.headers[name].ends_with("s3cret")), "{name}");
    }
    for path in ["/loop", "/down"] {
        let error = ask(path).await.expect_err(path);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn the_beginning_of_a_file_can_be_asked_for() {
    let server = Server::start(|seen, _| match (seen.path.as_str(), seen.headers.get("range").map(String::as_str)) {
        ("/part", Some("bytes=0-3")) => {
            Reply::new("206 Partial Content", &[("Content-Range", "bytes 0-3/10"), ("X-Total", "10")], b"0123")
        }
        ("/middle", _) => Reply::new("206 Partial Content", &[("Content-Range", "bytes 4-7/10")], b"4567"),
        ("/always", _) => Reply::new("206 Partial Content", &[("Content-Range", "bytes 0-3/10")], b"0123"),
        _ => Reply::ok("0123456789"),
    })
    .await;
    let bench = bench();
    let ask = async |path: &str, range: Option<u64>| {
        let request = Request { range, keep: vec!["x-total".into()], ..Request::get(server.url(path)) };
        bench.fetcher.fetch(&request, &policy()).await
    };
    let part = ask("/part", Some(4)).await.expect("a part");
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 0-3/10")));
    assert_eq!(part.header("x-total"), Some("10"));
    assert_eq!(text(part), "0123");
    assert_eq!(server.seen()[0].headers["accept-encoding"], "identity");
    let whole = ask("/whole", Some(4)).await.expect("the whole");
    assert_eq!((whole.status, text(whole).as_str()), (200, "0123456789"), "a host need not know parts");
    for (path, range) in [("/middle", Some(4)), ("/always", None)] {
        let error = ask(path, range).await.expect_err(path);
        assert!(matches!(error, FetchError::Truncated { .. }), "a part is not taken for the whole: {error}");
    }
}
