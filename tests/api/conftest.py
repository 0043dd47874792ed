"""Fixtures with the service under test: the program that `cargo build` made in target/debug."""

import collections.abc

import pytest

from document import Document
from recipes import VARIABLES
from service import Service


@pytest.fixture(scope="session")
def service() -> collections.abc.Iterator[Service]:
    """A service with default settings."""
    service = Service()
    yield service
    service.close()


@pytest.fixture(scope="session")
def document(service: Service) -> Document:
    return Document(service.send("GET", "/openapi.json").json())


@pytest.fixture(scope="session")
def strict() -> collections.abc.Iterator[Service]:
    """A service with a token and low limits."""
    service = Service(**VARIABLES)
    yield service
    service.close()


@pytest.fixture(scope="session")
def strict_document(strict: Service) -> Document:
    return Document(strict.send("GET", "/openapi.json").json())
