"""The service under test: what `cargo build` has left in target/debug."""

import collections.abc

import pytest

from document import Document
from recipes import VARIABLES
from service import Service


@pytest.fixture(scope="session")
def service() -> collections.abc.Iterator[Service]:
    """As it is without settings."""
    service = Service()
    yield service
    service.close()


@pytest.fixture(scope="session")
def document(service: Service) -> Document:
    return Document(service.send("GET", "/openapi.json").json())


@pytest.fixture(scope="session")
def strict() -> collections.abc.Iterator[Service]:
    """With a token, and with limits that are soon reached."""
    service = Service(**VARIABLES)
    yield service
    service.close()


@pytest.fixture(scope="session")
def strict_document(strict: Service) -> Document:
    return Document(strict.send("GET", "/openapi.json").json())
