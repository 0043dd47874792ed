//! Images that are sent again are answered from the cache.

use serde_json::{Value, json};

use crate::emulator::Function;
use crate::fixture;
use crate::process::binary;
use crate::server::{Answer, Server};

fn told(answer: &Answer) -> (&str, Value) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    (answer.header("x-cache"), answer.json()["cached"].clone())
}

#[test]
fn an_image_that_comes_again_is_answered_from_memory_whatever_is_asked_of_it() {
    let server = Server::start();
    let (coffee, cat) = (fixture("coffee.jpg"), fixture("chelsea.png"));
    let first = server.post("/classify?top_k=5", "", &coffee);
    assert_eq!(told(&first), ("miss", json!(false)));
    let second = server.post("/classify?top_k=5", "image/jpeg", &coffee);
    assert_eq!(told(&second), ("hit", json!(true)));
    let (first, second) = (first.json(), second.json());
    for same in ["predictions", "image", "model"] {
        assert_eq!(first[same], second[same]);
    }
    assert_eq!(second["timing_ms"]["inference"], 0.0);
    assert!(second["timing_ms"]["total"].as_f64().unwrap() < first["timing_ms"]["total"].as_f64().unwrap());
    assert_eq!(told(&server.post("/classify", "", &cat)), ("miss", json!(false)));

    let few = server.post("/classify?top_k=2", "", &coffee);
    assert_eq!(told(&few), ("hit", json!(true)));
    assert_eq!(
        few.json()["predictions"].as_array().unwrap()[..],
        first["predictions"].as_array().unwrap()[..2]
    );
    let sure = server.post("/predict?min_score=0.5&top_k=1000", "", &coffee);
    assert_eq!((sure.header("x-cache"), sure.json().as_array().unwrap().len()), ("hit", 1));
    let logits = server.post("/classify?function_to_apply=none", "", &coffee);
    assert_eq!(told(&logits), ("hit", json!(true)));
    assert!(logits.json()["predictions"][0]["score"].as_f64().unwrap() > 1.0);
    assert_eq!(
        server.post("/classify?top_k=2", "", &coffee).json()["predictions"],
        few.json()["predictions"]
    );
}

#[test]
fn of_several_images_each_says_where_its_answer_is_from() {
    let server = Server::start();
    let base64 = |name| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, fixture(name));
    server.post("/classify", "", &fixture("coffee.jpg"));
    let body = json!({"images": [base64("coffee.jpg"), base64("chelsea.png"), base64("coffee.jpg")]});
    let send = || server.post("/classify", "application/json", body.to_string().as_bytes());
    let cached = |answer: &Answer| -> Vec<Value> {
        answer.json()["results"].as_array().unwrap().iter().map(|one| one["cached"].clone()).collect()
    };
    let first = send();
    assert_eq!(
        (first.header("x-cache"), cached(&first)),
        ("miss", vec![json!(true), json!(false), json!(true)])
    );
    let second = send();
    assert_eq!((second.header("x-cache"), cached(&second)), ("hit", vec![json!(true); 3]));
}

#[test]
fn errors_are_not_remembered_and_no_error_becomes_an_answer() {
    let server = Server::start();
    let coffee = fixture("coffee.jpg");
    server.post("/classify", "", &coffee[..5000]).assert_problem(422, "truncated_image");
    assert_eq!(told(&server.post("/classify", "", &coffee)), ("miss", json!(false)));
    server.post("/classify", "", &coffee[..5000]).assert_problem(422, "truncated_image");
}

#[test]
fn only_so_many_are_remembered_and_none_where_that_is_said() {
    for (entries, expected) in [("1", ["miss", "hit", "miss", "miss"]), ("0", ["miss"; 4])] {
        let server = Server::start_with(binary().env("CACHE_ENTRIES", entries));
        for (name, expected) in
            ["coffee.jpg", "coffee.jpg", "chelsea.png", "coffee.jpg"].into_iter().zip(expected)
        {
            let answer = server.post("/predict", "", &fixture(name));
            assert_eq!(answer.header("x-cache"), expected, "{entries}: {name}");
        }
    }
}

#[test]
fn a_function_remembers_between_its_invocations() {
    let function = Function::start();
    let event = std::fs::read_to_string(crate::repository("events/http-api.json")).unwrap();
    for expected in ["miss", "hit"] {
        assert_eq!(function.invoke(&event).response()["headers"]["x-cache"], expected);
    }
}
