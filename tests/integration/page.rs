//! The web page as a browser gets it. `tests/browser` tests its behaviour.

use std::io::Read as _;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::emulator::Function;
use crate::process::binary;
use crate::repository;
use crate::server::Server;

/// Returns the addresses in the page's `src` and `href` that are the page's own files.
fn assets(html: &str) -> Vec<String> {
    let values = ["src=\"", "href=\""].into_iter().flat_map(|attribute| html.split(attribute).skip(1));
    let files = values.filter_map(|rest| rest.split('"').next()).filter(|value| value.contains('.'));
    files.filter(|value| !value.contains("openapi")).map(str::to_owned).collect()
}

#[test]
fn the_page_and_its_assets_come_with_headers_that_protect_them() {
    let server = Server::start();
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let assets = assets(&page.body);
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in &assets {
        let answer = server.get(&format!("/{asset}"));
        let expected = match asset.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{asset}");
    }
    for path in std::iter::once("/".to_owned()).chain(assets.iter().map(|asset| format!("/{asset}"))) {
        let answer = server.get(&path);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    }
}

#[test]
fn the_page_is_light_and_its_addresses_work_below_any_prefix() {
    let folder = repository("web");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    assert!(bytes < 60_000, "{bytes} bytes");
    for (file, text) in files.iter().zip(texts) {
        // A namespace name is not an address.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for elsewhere in ["http:", "https:", "\"//", "src=\"/", "href=\"/"] {
            assert!(!text.contains(elsewhere), "{elsewhere} stands in {}", file.display());
        }
    }
}

#[test]
fn a_page_that_the_browser_has_already_is_not_sent_again() {
    let server = Server::start();
    for path in ["/", "/app.js"] {
        let etag = server.get(path).header("etag").to_owned();
        assert!(etag.starts_with("W/\""), "{etag}");
        let strong = etag.trim_start_matches("W/");
        for known in [etag.as_str(), strong, "*", &format!("\"other\", {etag}")] {
            let answer = server.send(Method::GET, path, &[("if-none-match", known)], &[]);
            assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{path} {known}");
            assert_eq!(answer.header("etag"), etag);
            assert_eq!(answer.header("cache-control"), "no-cache");
        }
        assert_eq!(server.send(Method::GET, path, &[("if-none-match", "\"other\"")], &[]).status, 200);
        let head = server.send(Method::HEAD, path, &[], &[]);
        assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", etag.as_str()));
    }
}

#[test]
fn the_local_server_compresses_the_page_for_who_can_read_that() {
    let server = Server::start();
    let plain = server.get("/app.js");
    assert_eq!(plain.header("content-encoding"), "");
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let request = agent.get(format!("{}/app.js", server.url)).header("accept-encoding", "br, gzip");
    let response = request.call().unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.headers().get_all("vary").iter().any(|vary| vary == "accept-encoding"));
    let mut compressed = Vec::new();
    response.into_body().into_reader().read_to_end(&mut compressed).unwrap();
    assert!(compressed.len() * 2 < plain.body.len(), "{} of {}", compressed.len(), plain.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.body);

    // Answers with labels are not compressed: that would delay all other requests.
    let agent = [("accept-encoding", "gzip")];
    let photo = crate::fixture("coffee.jpg");
    let labels = server.send(ureq::http::Method::POST, "/predict?top_k=1000", &agent, &photo);
    assert!(labels.body.len() > 10_000);
    assert_eq!(labels.header("content-encoding"), "");
}

#[test]
fn without_the_page_only_the_api_answers() {
    for off in ["false", "0", "False"] {
        let server = Server::start_with(binary().env("WEB_UI", off));
        let root = server.get("/");
        root.assert_problem(405, "method_not_allowed");
        assert_eq!(root.header("allow"), "POST,PUT");
        server.get("/app.js").assert_problem(404, "not_found");
        assert_eq!(server.get("/health").status, 200);
    }
}

#[test]
fn through_a_gateway_the_page_is_text_and_has_a_slash_at_its_end() {
    let function = Function::start();
    let rest = |path: &str, public: &str| {
        let context = json!({"stage": "Prod", "path": public, "httpMethod": "GET"});
        let headers = json!({"Accept-Encoding": "gzip, br"});
        let event = json!({"httpMethod": "GET", "path": path, "headers": headers, "requestContext": context});
        function.invoke(&event.to_string()).response()
    };
    let header = |response: &Value, name: &str| response["multiValueHeaders"][name][0].clone();
    for (path, public) in [("/", "/Prod/"), ("/", "/")] {
        let page = rest(path, public);
        assert_eq!((&page["statusCode"], &page["isBase64Encoded"]), (&json!(200), &json!(false)));
        assert!(page["body"].as_str().unwrap().starts_with("<!doctype html>"), "{page}");
        assert_eq!(header(&page, "content-encoding"), Value::Null);
    }
    assert_eq!(rest("/app.js", "/Prod/app.js")["statusCode"], 200);
    let moved = rest("/", "/Prod");
    assert_eq!(moved["statusCode"], 308);
    // Relative to /Prod.
    assert_eq!(header(&moved, "location"), "./Prod/");

    // With a custom domain, an HTTP API does not pass on the path that the browser requested.
    let http = |domain: &str| {
        let http = json!({"method": "GET", "path": "/test"});
        let context = json!({"stage": "test", "domainName": domain, "http": http});
        let event = json!({"version": "2.0", "rawPath": "/test", "requestContext": context});
        let response = function.invoke(&event.to_string()).response();
        (response["statusCode"].clone(), response["headers"]["location"].clone())
    };
    assert_eq!(http("a.execute-api.eu-central-1.amazonaws.com"), (json!(308), json!("./test/")));
    assert_eq!(http("images.example").0, 200);
}

#[test]
fn an_answer_without_a_body_says_nothing_of_its_length() {
    let function = Function::start();
    let headers = |method: &str, sent: Value| {
        let context = json!({"http": {"method": method, "path": "/"}});
        let event = json!({"version": "2.0", "rawPath": "/", "headers": sent, "requestContext": context});
        function.invoke(&event.to_string()).response()
    };
    let page = headers("GET", json!({}));
    let known = headers("GET", json!({"if-none-match": page["headers"]["etag"]}));
    for (response, status) in [(&known, 304), (&headers("OPTIONS", json!({})), 204)] {
        assert_eq!(response["statusCode"], status);
        assert_eq!(response["headers"]["content-length"], Value::Null);
    }
}
