"""Keys: where they come from and whom they stand for. No message may show one."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_service.errors import ServiceConfigRejected, Unauthenticated
from router_service.faces.auth import ANONYMOUS, Keys, load_keys, presented_key

VARIABLE = "ROUTER_SERVICE_API_KEYS"


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


def test_keys_come_from_file_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# staff, and others\nteam-a sk-a\n\n sk-b \n")
    keys = load_keys({VARIABLE: "team-c sk-c,sk-d"}, VARIABLE, file)
    assert keys.check("sk-a") == "team-a"
    assert keys.check("sk-c") == "team-c"
    unnamed = {keys.check("sk-b"), keys.check("sk-d")}
    assert len(unnamed) == 2
    assert all(name.startswith("key-") and "sk" not in name for name in unnamed)


def test_no_file_and_no_variable_is_no_keys() -> None:
    assert not load_keys({}, VARIABLE)


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"a b sk-secret\n", b"\xff\xfe"])
def test_a_useless_key_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(ServiceConfigRejected) as refused:
        load_keys({}, VARIABLE, file)
    assert str(file) in refused.value.message
    assert "sk-secret" not in refused.value.message


def test_a_missing_key_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ServiceConfigRejected, match=r"absent.*No such file.*api_keys_file"):
        load_keys({}, VARIABLE, tmp_path / "absent")


def test_a_bad_entry_names_variable_and_line() -> None:
    with pytest.raises(ServiceConfigRejected, match=f"variable {VARIABLE}, line 2"):
        load_keys({VARIABLE: "sk-a\nsk-ü"}, VARIABLE)
