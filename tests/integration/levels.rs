//! Categories instead of classes: `level=basic`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::fixture;
use crate::process::binary;
use crate::server::Server;

#[test]
fn the_scores_of_a_category_are_the_sum_of_those_of_its_classes() {
    let server = Server::start();
    let photo = fixture("coffee.jpg");
    let leaves = server.post("/classify?top_k=1000", "", &photo).json();
    let leaves = leaves["predictions"].as_array().unwrap();
    assert_eq!(leaves[0]["parents"], json!(["drink", "food"]));
    let mut sums = BTreeMap::<&str, f64>::new();
    for leaf in leaves {
        *sums.entry(leaf["parents"][0].as_str().unwrap()).or_default() += leaf["score"].as_f64().unwrap();
    }
    let all = server.post("/classify?level=basic&top_k=1000", "", &photo).json();
    let all = all["predictions"].as_array().unwrap();
    assert_eq!(all.len(), sums.len());
    for category in all {
        let (name, score) = (category["label"].as_str().unwrap(), category["score"].as_f64().unwrap());
        assert!((score - sums[name]).abs() < 1e-6, "{category}: {}", sums[name]);
        assert!(category.get("class_id").is_none() && category.get("wnid").is_none(), "{category}");
    }
    assert_eq!(all[0]["label"], "drink");
    assert_eq!(all[0]["label_zh"], "饮料");
    assert_eq!(all[0]["parents"], json!(["food"]));
    let bare = server.post("/predict?level=basic&top_k=1", "", &photo).json();
    assert_eq!(bare[0]["label"], "drink");

    for (query, named) in
        [("level=top", "\"leaf\" or \"basic\""), ("level=basic&function_to_apply=none", "softmax")]
    {
        let answer = server.post(&format!("/predict?{query}"), "", &photo);
        answer.assert_problem(400, "invalid_parameter");
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{}", answer.body);
    }
}

#[test]
fn categories_can_be_denied_and_models_without_them_say_so() {
    let photo = fixture("coffee.jpg");
    let server = Server::start_with(binary().env("DENY_LABELS", "drink, household"));
    for query in ["top_k=1000", "top_k=1000&level=basic"] {
        let answer = server.post(&format!("/classify?{query}"), "", &photo).json();
        for prediction in answer["predictions"].as_array().unwrap() {
            let mut names = prediction["parents"].as_array().unwrap().clone();
            names.push(prediction["label"].clone());
            assert!(!names.contains(&json!("drink")) && !names.contains(&json!("household")), "{prediction}");
        }
    }
    let model = crate::repository("tests/fixtures/models/nchw-f32");
    let server = Server::start_with(binary().env("MODEL_DIR", model));
    let answer = server.post("/predict?level=basic", "", &photo);
    answer.assert_problem(400, "invalid_parameter");
    assert!(answer.body.contains("have no categories"), "{}", answer.body);
}
