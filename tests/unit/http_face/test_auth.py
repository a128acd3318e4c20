"""Keys: whom they stand for and where a request carries one. No message may show one."""

from __future__ import annotations

import pytest

from router_service.errors import Unauthenticated
from router_service.faces.auth import ANONYMOUS, Keys, presented_key


def test_without_keys_every_caller_is_anonymous() -> None:
    keys = Keys({})
    assert not keys
    assert keys.check(None) == ANONYMOUS
    assert keys.check("whatever") == ANONYMOUS


def test_each_key_stands_for_its_principal() -> None:
    keys = Keys({"sk-a": "team-a", "sk-b": "team-b"})
    assert keys
    assert keys.check("sk-a") == "team-a"
    assert keys.check("sk-b") == "team-b"


@pytest.mark.parametrize("presented", [None, "", "sk-", "sk-aa", "SK-A", "sk-\udcff"])
def test_a_wrong_key_is_refused_without_being_repeated(presented: str | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Keys({"sk-a": "team-a"}).check(presented)
    assert "sk-" not in refused.value.message


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer sk-a"}, "sk-a"),
        ({"authorization": "bearer  sk-a "}, "sk-a"),
        ({"x-api-key": "sk-a"}, "sk-a"),
        ({"api-key": "sk-a"}, "sk-a"),
        ({"authorization": "Basic abc", "x-api-key": "sk-a"}, "sk-a"),
        ({"authorization": "Bearer"}, None),
        ({}, None),
    ],
)
def test_where_a_key_is_looked_for(headers: dict[str, str], key: str | None) -> None:
    assert presented_key(headers) == key
