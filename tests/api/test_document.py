"""Checks the document itself and its examples."""

import re

import requests
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

import recipes
from document import Document, alike
from service import Service, fixture


def test_it_is_a_valid_openapi_document(document: Document, strict_document: Document):
    for each in (document, strict_document):
        validate(each.content, cls=OpenAPIV31SpecValidator)
        assert each.content["openapi"].startswith("3.1.")
        assert each.content["info"]["license"]["identifier"] == "Apache-2.0"


def test_it_is_sent_as_json_and_behind_a_token_too(strict: Service):
    answer = requests.get(f"{strict.url}/openapi.json", timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


def test_it_says_what_this_service_is_set_to(document: Document, strict_document: Document):
    assert "10485760 bytes" in document.content["info"]["description"]
    assert "500000 bytes" in strict_document.content["info"]["description"]
    assert "securitySchemes" not in document.content["components"]
    assert strict_document.content["paths"]["/predict"]["post"]["security"] == [{"token": []}]


def test_the_page_is_listed_where_it_is_served(document: Document):
    assert "get" in document.content["paths"]["/"]
    without = Service(WEB_UI="false")
    try:
        listed = Document(without.send("GET", "/openapi.json").json())
        assert listed.content["paths"]["/"].keys() == {"post", "put", "options"}
        assert without.send("GET", "/").status_code == 405
    finally:
        without.close()


def test_every_example_of_an_error_is_a_real_answer(strict: Service, strict_document: Document):
    shown = {}
    for response in strict_document.content["components"]["responses"].values():
        problem = response.get("content", {}).get("application/problem+json", {})
        for code, example in problem.get("examples", {}).items():
            assert shown.setdefault(code, example["value"]) == example["value"]
    codes = strict_document.content["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert shown.keys() == set(codes)
    for code, example in shown.items():
        if code in recipes.UNPROVOKED:
            continue
        if code == "not_found":
            answer = strict.send("GET", "/nothing")
        elif code == "method_not_allowed":
            answer = strict.send("DELETE", "/health")
        else:
            answer = strict.send("POST", "/classify", **recipes.OF_IMAGES[code])
        assert alike(example, answer.json()), answer.text


def test_every_example_of_an_answer_is_a_real_one(service: Service, document: Document):
    one = fixture("coffee.png")
    several = [("a", ("a.png", one)), ("b", ("b.jpg", fixture("coffee.jpg")[:9000]))]
    for path in ("/classify", "/predict"):
        _, response = document.response("post", path, 200)
        examples = response["content"]["application/json"]["examples"]
        assert alike(examples["one"]["value"], service.send("POST", path, data=one).json())
        assert alike(examples["several"]["value"], service.send("POST", path, files=several).json())
    for path in ("/health", "/info"):
        _, response = document.response("get", path, 200)
        (example,) = response["content"]["application/json"]["examples"].values()
        assert alike(example["value"], service.send("GET", path).json())


def test_every_example_of_a_body_is_accepted(service: Service, document: Document):
    tried = 0
    _, body = document.follow("#/paths/~1classify/post/requestBody")
    for content_type, content in body["content"].items():
        for name, example in content.get("examples", {}).items():
            value, headers = example["value"], {"content-type": content_type}
            if content_type == "application/json":
                document.validate("#/components/requestBodies/Images/content/application~1json/schema", value)
                answer = service.send("POST", "/classify", json=value)
            else:
                answer = service.send("POST", "/classify", data=value, headers=headers)
            assert answer.status_code == 200, f"{content_type} {name}: {answer.text}"
            tried += 1
    assert tried >= 8


def test_operations_are_named_once(document: Document):
    names = [document.content["paths"][path][method]["operationId"] for method, path in document.operations()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)
