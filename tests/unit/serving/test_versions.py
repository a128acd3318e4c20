"""The routing configs that can be gone back to: their order, their bound, and a restart."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from router_service.errors import RollbackRefused
from router_service.serving.versions import MOST_KEPT, Version, Versions


def version(name: str) -> Version:
    return Version(name, 5, json.dumps({"default_provider": name}).encode())


def kept(*names: str, folder: Path | None = None) -> Versions:
    versions = Versions(version(names[0]), folder)
    for name in names[1:]:
        versions.put(version(name))
    return versions


def names(versions: Versions) -> list[str]:
    return [one.version for one in versions.kept]


def test_the_last_ones_are_kept() -> None:
    versions = kept(*(str(number) for number in range(MOST_KEPT + 3)))
    assert names(versions) == [str(number) for number in range(3, MOST_KEPT + 3)]
    assert versions.in_use == str(MOST_KEPT + 2)


def test_going_back_twice_goes_back_further() -> None:
    versions = kept("a", "b", "c")
    for before in ("b", "a"):
        found = versions.find("previous")
        assert found.version == before
        versions.go_back(found)
    assert names(versions) == ["a", "b", "c"]
    with pytest.raises(RollbackRefused, match="no version before a is kept"):
        versions.find("previous")


def test_what_comes_after_a_rollback_has_the_one_in_use_before_it() -> None:
    versions = kept("a", "b", "bad")
    versions.go_back(versions.find("b"))
    versions.put(version("d"))
    assert names(versions) == ["a", "bad", "b", "d"]
    assert versions.find("previous").version == "b"


def test_one_that_comes_again_is_the_last_and_there_once() -> None:
    assert names(kept("a", "b", "a")) == ["b", "a"]
    assert names(kept("a", "a")) == ["a"]


def test_the_one_in_use_may_become_another_table() -> None:
    versions = kept("a", "b", "c")
    versions.rename("c")
    assert names(versions) == ["a", "b", "c"]
    document = versions.find("c").document
    versions.rename("switched")
    assert names(versions) == ["a", "b", "switched"]
    assert (versions.in_use, versions.find("switched").document) == ("switched", document)
    versions.rename("a")
    assert names(versions) == ["b", "a"]


def test_one_that_is_not_kept_is_told_with_those_that_are() -> None:
    with pytest.raises(RollbackRefused, match="no version 'z' is kept; there are: a, b"):
        kept("a", "b").find("z")


def test_a_restart_finds_them_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    versions = kept("a", "b", "c", folder=folder)
    versions.save()
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = Versions(version("c"), folder)
    assert again.kept == versions.kept
    assert names(Versions(version("new"), folder)) == ["a", "b", "c", "new"]


@pytest.mark.parametrize("text", ["", "[", "{}", "[1]", '[{"version": "a"}]', "[" * 100_000])
def test_a_file_that_is_none_of_ours_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    kept("a", folder=tmp_path).save()
    (file,) = tmp_path.iterdir()
    file.write_text(text)
    assert names(Versions(version("b"), tmp_path)) == ["b"]
    assert (text == "{}") or f"{file} cannot be read" in caplog.text


def test_a_folder_that_cannot_be_written_is_told_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    versions = kept("a", "b", folder=in_the_way / "state")
    versions.save()
    assert "reload.state_dir" in caplog.text
    assert names(versions) == ["a", "b"]
