"""Fixture with the account that all tests share."""

from collections.abc import Iterator

import pytest

from account import Account


@pytest.fixture(scope="session")
def whole_account(tmp_path_factory) -> Iterator[Account]:
    account = Account(tmp_path_factory.mktemp("account"))
    yield account
    account.end()


@pytest.fixture
def account(whole_account: Account) -> Iterator[Account]:
    """Removes the faults and counts of the previous test."""
    whole_account.front.fault = whole_account.storage.fault = None
    whole_account.front.ledger.entries.clear()
    whole_account.storage.requests.clear()
    whole_account.attempts.clear()
    yield whole_account
    whole_account.front.fault = whole_account.storage.fault = None
