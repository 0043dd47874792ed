"""Requests that cause each error."""

import base64
import json

from service import fixture

TOKEN = "s3cret"

# The server's settings. With these, every error can be caused quickly.
VARIABLES = {"API_TOKEN": TOKEN, "MAX_BODY_BYTES": "500000"}


def _json(value: object) -> dict:
    return {"data": json.dumps(value), "headers": {"content-type": "application/json"}}


# Requests for the document's examples, as arguments of `Service.send` to any operation that takes an image.
OF_IMAGES = {
    "empty_body": {"data": b""},
    "missing_image": _json({"top_k": 5}),
    "invalid_base64": _json({"image": "espresso?"}),
    "invalid_json": {"data": '{"image":', "headers": {"content-type": "application/json"}},
    "invalid_multipart": {"data": "photo", "headers": {"content-type": "multipart/form-data"}},
    "invalid_parameter": {"data": fixture("coffee.jpg"), "params": {"top_k": "0", "encoding": "hex"}},
    "mangled_body": {"data": fixture("coffee.jpg").decode(errors="replace").encode()},
    "too_many_images": _json({"images": [base64.b64encode(fixture("cases/1x1.png")).decode()] * 17}),
    "unauthorized": {"data": fixture("coffee.jpg"), "headers": {"authorization": ""}},
    "body_too_large": {"data": b"\xff\xd8\xff" + bytes(600_000)},
    "image_too_large": {"data": fixture("bomb.png")},
    "unsupported_format": {"data": b"<!doctype html><title>Not found</title>"},
    "undecodable_image": {"data": fixture("cases/crc_idat.png")},
    "truncated_image": {"data": fixture("coffee.jpg")[:9000]},
}

# The same for operations that take no image. Their bodies are read, too.
OF_READS = {"body_too_large": {"data": bytes(1_700_000)}}

# Errors that no request to the local server can cause, with the reason.
UNPROVOKED = {
    "no_features": "takes a model without the output features; tests/integration/embed.rs has one",
    "invalid_event": "only an event of Lambda can be one; tests/integration/openapi.rs provokes it there",
    "internal": "a fault of this service, and none is known",
    "request_timeout": "takes a client that is slow; tests/integration/overload.rs has some",
    "bucket_not_allowed": "takes a storage; tests/integration/references.rs has one, for the next seven, too",
    "reference_not_allowed": "takes a service without a token, which tests/integration/references.rs has",
    "object_not_found": "takes a storage",
    "object_archived": "takes a storage",
    "object_changed": "takes a storage",
    "object_too_large": "takes a storage",
    "storage_denied": "takes a storage",
    "storage_unavailable": "takes a storage",
    "overloaded": "takes many clients at a time; tests/integration/overload.rs has them",
}

# The same for other answers, by status.
NOT_LOCAL = {308: "only behind a gateway that takes a stage off the path"}
