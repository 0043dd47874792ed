"""The OpenAPI document, and checks of answers against it."""

import typing

import jsonschema
import referencing
import referencing.jsonschema
import requests

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
BASE = "urn:document"


class Case(typing.NamedTuple):
    """A documented answer of an operation; `code` is set only for errors with a body."""

    method: str
    path: str
    status: int
    code: str | None


class Document:
    def __init__(self, content: dict):
        self.content = content
        resource = referencing.Resource.from_contents(content, referencing.jsonschema.DRAFT202012)
        self.registry = referencing.Registry().with_resource(BASE, resource)

    def follow(self, pointer: str) -> tuple[str, typing.Any]:
        """Resolves a JSON pointer and follows references at its end. Returns the final pointer and the value."""
        value = self.content
        for token in pointer.removeprefix("#/").split("/"):
            value = value[token.replace("~1", "/").replace("~0", "~")]
        if isinstance(value, dict) and "$ref" in value:
            return self.follow(value["$ref"])
        return pointer, value

    def operations(self) -> list[tuple[str, str]]:
        paths = self.content["paths"].items()
        return [(method, path) for path, item in paths for method in METHODS if method in item]

    def response(self, method: str, path: str, status: int) -> tuple[str, dict]:
        return self.follow(f"#/paths/{escaped(path)}/{method}/responses/{status}")

    def cases(self) -> list[Case]:
        """Returns all documented answers of all operations."""
        cases = []
        for method, path in self.operations():
            _, operation = self.follow(f"#/paths/{escaped(path)}/{method}")
            for status in map(int, operation["responses"]):
                _, response = self.response(method, path, status)
                cases += [Case(method, path, status, code) for code in codes(response) or [None]]
        return cases

    def check(self, method: str, path: str, answer: requests.Response) -> None:
        """Asserts that an answer conforms to the document; `path` is the path in the document."""
        self.check_as(*self.response(method.lower(), path, answer.status_code), method, answer)

    def check_as(self, pointer: str, response: dict, method: str, answer: requests.Response) -> None:
        for name in response.get("headers", {}):
            conditional = name.startswith("Access-Control-") or name == "Vary"
            assert conditional or answer.headers.get(name), f"{name} is missing"
        content = response.get("content", {})
        if method.upper() == "HEAD" or not content:
            assert answer.content == b""
            return
        content_type = answer.headers["content-type"].partition(";")[0]
        assert content_type in content, f"{content_type} is not one of {list(content)}"
        if content_type.endswith("json"):
            self.validate(f"{pointer}/content/{escaped(content_type)}/schema", answer.json())

    def validate(self, pointer: str, value: typing.Any) -> None:
        jsonschema.Draft202012Validator({"$ref": f"{BASE}{pointer}"}, registry=self.registry).validate(value)


def codes(response: dict) -> list[str]:
    """Returns the error codes of a response."""
    problem = response.get("content", {}).get("application/problem+json")
    return problem["schema"]["allOf"][1]["properties"]["code"]["enum"] if problem else []


def escaped(token: str) -> str:
    """Escapes a token of a JSON pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def alike(shown: typing.Any, real: typing.Any) -> bool:
    """Compares two answers without what varies between requests; scores may differ as between processors."""
    varying = ("request_id", "timing_ms", "cached")
    match shown, real:
        case dict(), dict():
            return shown.keys() == real.keys() and all(
                name in varying or alike(shown[name], real[name]) for name in shown
            )
        case list(), list():
            return len(shown) == len(real) and all(map(alike, shown, real))
        case float(), float():
            return abs(shown - real) < 0.01
        case _:
            return shown == real
