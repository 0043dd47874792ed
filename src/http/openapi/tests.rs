//! Compares the document with the table of errors.

use clap::Parser as _;
use serde_json::Value;

use super::*;
use crate::cli::Arguments;

fn made(token: bool) -> Value {
    let arguments: &[&str] = if token { &["", "--api-token", "s3cret"] } else { &[""] };
    let config = Config::from_settings(&Arguments::parse_from(arguments).settings).unwrap();
    let card = Card {
        name: "m".into(),
        sha256: "0".repeat(64),
        license: None,
        source: None,
        precision: None,
        backbone_sha256: None,
        backbone_name: None,
    };
    let facts = Facts { config: &config, card: &card, classes: 1000, info: Value::Null };
    serde_json::to_value(document(&facts).unwrap()).unwrap()
}

/// The status and code of each error in the responses of the document.
fn listed(document: &Value) -> Vec<(u16, String)> {
    let mut listed = Vec::new();
    for response in document["components"]["responses"].as_object().unwrap().values() {
        let narrowed = &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"];
        let Some(codes) = narrowed["code"]["enum"].as_array() else { continue };
        let status = u16::try_from(narrowed["status"]["enum"][0].as_u64().unwrap()).unwrap();
        listed.extend(codes.iter().map(|code| (status, code.as_str().unwrap().to_owned())));
    }
    listed
}

#[test]
fn no_kind_of_error_is_missing_and_each_has_an_example() {
    let document = made(true);
    let listed = listed(&document);
    let all = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(all.len(), Error::KINDS.len());
    for kind in Error::KINDS {
        assert!(listed.contains(&(kind.status, kind.code.to_owned())), "{kind:?}");
        let shown =
            document["components"]["responses"].as_object().unwrap().values().find_map(|response| {
                response["content"]["application/problem+json"]["examples"].get(kind.code)
            });
        assert_eq!(shown.unwrap()["value"]["code"], kind.code);
    }
}

#[test]
fn a_token_is_asked_for_where_one_is_set() {
    let (with, without) = (made(true), made(false));
    let post = |document: &Value| document["paths"]["/classify"]["post"].clone();
    assert_eq!(post(&with)["security"], serde_json::json!([{"token": []}]));
    assert_eq!(with["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    assert!(post(&with)["responses"].get("401").is_some());
    assert!(post(&without).get("security").is_none());
    assert!(without["components"].get("securitySchemes").is_none());
    assert!(!listed(&without).iter().any(|(status, _)| *status == 401));
    assert!(with["paths"]["/health"]["get"].get("security").is_none());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = made(true);
    let mut references = Vec::new();
    gather(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn gather(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| gather(value, into));
        }
        Value::Array(array) => array.iter().for_each(|value| gather(value, into)),
        _ => {}
    }
}
