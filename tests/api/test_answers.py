"""Checks the service's answers against its document."""

import base64
import json
import pathlib

import requests

import recipes
from document import Document
from service import FIXTURES, Service, fixture

PHOTO = fixture("coffee.jpg")
TEXT = base64.b64encode(PHOTO).decode()
DATA_URL = f"data:image/jpeg;base64,{TEXT}"


def _typed(content_type: str, data: bytes | str) -> dict:
    return {"data": data, "headers": {"content-type": content_type}}


# All body formats, by the content type under which the document lists them.
FORMS = {
    "image/*": [_typed("image/jpeg", PHOTO), _typed("image/png", PHOTO), {"data": PHOTO}],
    "application/octet-stream": [_typed("application/octet-stream", PHOTO)],
    "text/plain": [_typed("text/plain", TEXT), _typed("text/plain", DATA_URL)],
    "application/json": [
        {"json": {"image": TEXT, "top_k": 5, "min_score": 0.001}},
        {"json": {"images": [DATA_URL, TEXT]}},
        {"json": {"inputs": TEXT, "parameters": {"top_k": 5}}},
        {"json": {"inputs": [TEXT, TEXT[:4000]]}},
        {"json": [TEXT]},
        {"json": TEXT},
    ],
    "multipart/form-data": [
        {"files": {"image": ("coffee.jpg", PHOTO, "image/jpeg")}, "data": {"top_k": "5"}},
        {"files": [("a", ("a.jpg", PHOTO)), ("b", ("b.jpg", b""))]},
    ],
    "application/x-www-form-urlencoded": [{"data": {"image": TEXT, "min_score": "0.5"}}],
}


def test_every_form_of_body_is_answered_as_documented(service: Service, document: Document):
    _, body = document.follow("#/paths/~1predict/post/requestBody")
    assert body["content"].keys() == FORMS.keys()
    for path in ("/", "/classify", "/predict"):
        for form in (form for forms in FORMS.values() for form in forms):
            answer = service.send("POST", path, **form)
            assert answer.status_code == 200 and "espresso" in answer.text, answer.text
            document.check("post", path, answer)
        for parameters in ({"top_k": 1000}, {"min_score": 1}, {"top_k": 5, "min_score": 0.5}):
            document.check("post", path, service.send("POST", path, data=PHOTO, params=parameters))


def test_embeddings_are_answered_as_documented(service: Service, document: Document):
    for form in (form for forms in FORMS.values() for form in forms):
        for parameters in ({}, {"normalize": "true"}, {"encoding": "base64"}):
            answer = service.send("POST", "/embed", params=parameters, **form)
            assert answer.status_code == 200 and "dimensions" in answer.text, answer.text
            document.check("post", "/embed", answer)


def test_every_picture_of_the_fixtures_is_answered_as_documented(service: Service, document: Document):
    seen = set()
    for file in sorted(pathlib.Path(FIXTURES, "cases").iterdir()):
        for path in ("/classify", "/predict", "/embed"):
            answer = service.send("POST", path, data=file.read_bytes())
            document.check("post", path, answer)
            seen.add(answer.status_code)
    assert seen == {200, 400, 413, 415, 422}


def test_everything_that_is_documented_happens(strict: Service, strict_document: Document):
    """Causes each status and code of each operation, except those with a documented reason."""
    unprovoked = set()
    for case in strict_document.cases():
        if case.status in recipes.NOT_LOCAL:
            continue
        arguments = _recipe(strict_document, case)
        if arguments is None:
            unprovoked.add(case)
            continue
        answer = strict.send(case.method, case.path, **arguments)
        assert answer.status_code == case.status, f"{case}: {answer.status_code} {answer.text}"
        strict_document.check(case.method, case.path, answer)
        assert case.code is None or answer.json()["code"] == case.code, f"{case}: {answer.text}"
    reads = {case for case in unprovoked if case.method == "head"}
    assert {case.status for case in reads} <= {400, 408, 500, 503}
    assert {case.code for case in unprovoked - reads} == recipes.UNPROVOKED.keys()


def _recipe(document: Document, case) -> dict | None:
    if case.status == 200:
        return {"data": PHOTO} if case.method in ("post", "put") else {}
    if case.status == 204:
        return {}
    if case.status == 304:
        return {"headers": {"if-none-match": "*"}}
    if case.method == "head":
        # Answers to HEAD have no code. The code of the GET answer with this status is used.
        _, response = document.response("get", case.path, case.status)
        codes = response["content"]["application/problem+json"]["examples"]
        return next((recipes.OF_READS[code] for code in codes if code in recipes.OF_READS), None)
    return (recipes.OF_IMAGES if case.method in ("post", "put") else recipes.OF_READS).get(case.code)


def test_methods_that_are_not_documented_are_refused_by_name(service: Service, document: Document):
    documented = document.operations()
    response = document.follow("#/components/responses/MethodNotAllowed")
    for path in document.content["paths"]:
        for method in ("get", "head", "post", "put", "patch", "delete"):
            answer = service.send(method, path)
            if (method, path) in documented:
                assert answer.status_code in (200, 400)
                continue
            assert answer.status_code == 405, f"{method} {path}"
            document.check_as(*response, method, answer)
            allowed = {each.upper() for each, of in documented if of == path and each != "options"}
            assert set(answer.headers["allow"].split(",")) == allowed


def test_other_paths_are_not_found_as_documented(service: Service, document: Document):
    for method in ("GET", "POST", "HEAD", "DELETE"):
        for path in ("/nothing", "/classify/x", "/openapi", "/%00"):
            answer = service.send(method, path)
            assert answer.status_code == 404, f"{method} {path}"
            document.check_as(*document.follow("#/components/responses/NotFound"), method, answer)


def test_a_request_id_comes_back(service: Service):
    answer = service.send("GET", "/health", headers={"x-request-id": "my-id/1"})
    assert answer.headers["x-request-id"] == "my-id/1"


def test_a_wrong_answer_would_be_found(document: Document, service: Service):
    """Tests the check itself: undocumented answers must fail."""
    answer = service.send("POST", "/predict", data=PHOTO)
    for broken in ([{"label": "espresso", "score": "2"}], [{"label": "espresso"}], {"error": {}}, [{"error": {}}]):
        answer._content = json.dumps(broken).encode()
        assert _is_refused(document, answer), broken
    answer.headers["content-type"] = "text/html"
    assert _is_refused(document, answer)


def _is_refused(document: Document, answer: requests.Response) -> bool:
    try:
        document.check("post", "/predict", answer)
    except Exception:
        return True
    return False
