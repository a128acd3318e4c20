"""Where keys come from, and that they never show."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_service.connectors.credentials import Credential, read_credential


def test_no_key_wanted() -> None:
    assert read_credential(None, {}) == Credential()


def test_from_the_environment() -> None:
    credential = read_credential("KEY", {"KEY": " k1\n"})
    assert (credential.key, credential.problem) == ("k1", None)
    assert "k1" not in repr(credential)


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": "  "}])
def test_unset(environ: dict[str, str]) -> None:
    credential = read_credential("KEY", environ)
    assert credential.key is None
    assert credential.problem == "environment variable KEY is not set; put the key there"


@pytest.mark.parametrize("key", ["a\nb", "schlüssel", "a\x00b"])
def test_characters_no_key_has(key: str) -> None:
    credential = read_credential("KEY", {"KEY": key})
    assert credential.key is None
    assert credential.problem is not None
    assert "KEY" in credential.problem
    assert key not in credential.problem


def test_from_a_file(tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text("k2\n")
    assert read_credential(str(place), {}).key == "k2"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_file_without_a_key(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "key"
    if content is not None:
        place.write_bytes(content)
    credential = read_credential(str(place), {})
    assert credential.key is None
    assert str(place) in (credential.problem or "")
