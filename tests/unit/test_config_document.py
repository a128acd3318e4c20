"""Reading YAML: values, places, and every kind of bad input as one placed message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_service.config.diagnostics import DocumentError, LocatedDiagnostic
from router_service.config.document import MOST_BYTES, Document, read_document
from router_service.config.include import read_with_includes


def read(folder: Path, text: str | bytes) -> Document:
    path = folder / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path)


def refused(folder: Path, text: str | bytes) -> LocatedDiagnostic:
    with pytest.raises(DocumentError) as caught:
        read(folder, text)
    return caught.value.diagnostic


def spot(item: LocatedDiagnostic) -> tuple[str, int, int]:
    return item.code, item.line, item.column


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2026-01-02", "2026-01-02"),
        ("1:30", "1:30"),
        ("'12'", "12"),
        ("012", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("True", True),
        ("~", None),
        ("", None),
        ("!!str 12", "12"),
        ("!!float 2", 2.0),
        ("13B", "13B"),
        ("${HOME}", "${HOME}"),
        ("deepseek-v3.1:671b-cloud", "deepseek-v3.1:671b-cloud"),
    ],
)
def test_scalars_follow_the_core_schema(tmp_path: Path, written: str, value: object) -> None:
    document = read(tmp_path, f"a: {written}\n")
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)
    assert document.problems == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a:\n\tb: 1\n", ("yaml-syntax", 2, 1)),
        ("a: [1,\n", ("yaml-syntax", 2, 1)),
        ("a: 'x\n", ("yaml-syntax", 2, 1)),
        ("a: b: c\n", ("yaml-syntax", 1, 5)),
        ("a: `x`\n", ("yaml-syntax", 1, 4)),
        ("a: 1\nb: \x01\n", ("yaml-syntax", 2, 4)),
        (b"a: 1\nb: \xff\n", ("not-text", 2, 4)),
        ('a: "x\\U00110000"\n', ("yaml-syntax", 1, 6)),
        ("a: *nowhere\n", ("unknown-alias", 1, 4)),
        ("a: &x [*x]\n", ("unknown-alias", 1, 8)),
        ("a: 1\n---\nb: 2\n", ("several-documents", 2, 1)),
        ("a: " + "[" * 100_000, ("too-deep", 1, 67)),
        ("? " * 5_000, ("too-deep", 1, 129)),
    ],
)
def test_what_cannot_be_read_is_one_placed_error(
    tmp_path: Path, text: str | bytes, found: tuple[str, int, int]
) -> None:
    item = refused(tmp_path, text)
    assert spot(item) == found
    assert item.suggestion


def test_every_duplicate_key_is_reported_with_the_first_place(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert [spot(item) for item in document.problems] == [
        ("duplicate-key", 2, 11),
        ("duplicate-key", 3, 1),
    ]
    assert "c.yaml:1:1" in document.problems[1].message
    assert document.value == {"a": 1, "b": {"c": 1}}


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999"])
def test_numbers_json_cannot_hold_are_refused(tmp_path: Path, number: str) -> None:
    document = read(tmp_path, f"a: 1\nb: {number}\n")
    assert [spot(item) for item in document.problems] == [("bad-value", 2, 4)]


@pytest.mark.parametrize("value", ["!mine 1", "!mine {b: 1}", "!!int x", '"\\ud800"', "9" * 301])
def test_values_without_json_meaning_are_refused(tmp_path: Path, value: str) -> None:
    document = read(tmp_path, f"a: {value}\n")
    assert [spot(item)[0] for item in document.problems] == ["bad-value"]


@pytest.mark.parametrize("key", ["[1, 2]", "{a: 1}", "? [x]\n", ""])
def test_keys_must_be_text(tmp_path: Path, key: str) -> None:
    document = read(tmp_path, f"{key}: 1\n")
    assert document.problems[0].code == "bad-key"


def test_keys_keep_the_text_they_were_written_with(tmp_path: Path) -> None:
    assert read(tmp_path, "8: a\ntrue: b\n1.50: c\n").value == {"8": "a", "true": "b", "1.50": "c"}


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "base: &base {kind: openai, capacity: 4}\n"
        "other: &other {capacity: 9, price: 1}\n"
        "one:\n  <<: [*base, *other]\n  kind: vllm\n"
        'two: {"<<": text}\n'
        "list: [*base]\n",
    )
    assert document.problems == []
    assert document.value["one"] == {"kind": "vllm", "capacity": 4, "price": 1}
    assert document.value["two"] == {"<<": "text"}
    assert document.value["list"] == [{"kind": "openai", "capacity": 4}]
    assert document.places.locate("/one/capacity").line == 1
    assert document.places.locate("/one/kind").line == 5


def test_a_merge_of_something_else_is_refused(tmp_path: Path) -> None:
    assert [spot(item) for item in read(tmp_path, "a: 1\n<<: 3\n").problems] == [
        ("bad-merge", 2, 5)
    ]


def test_alias_bombs_are_bounded(tmp_path: Path) -> None:
    lists = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert refused(tmp_path, lists).code == "too-large"
    merges = "a0: &a0 {x: 1}\n" + "".join(
        f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert refused(tmp_path, merges).code == "too-large"
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 400))
    assert refused(tmp_path, chain).code == "too-deep"


def test_places_of_values_keys_and_characters(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "patterns:\n"
        "  - pattern: ^meta/.*\n"
        "    provider: 'vllm x'\n"
        '  - {pattern: "a\\nb", provider: x}\n'
        "\n\n"
        "a/b~c:\n  d: 1\n",
    )

    def at(pointer: str, *, at_key: bool = False, offset: int | None = None) -> tuple[int, int]:
        place = document.places.locate(pointer, at_key=at_key, offset=offset)
        return place.line, place.column

    assert at("/patterns") == (1, 1)
    assert at("/patterns/0") == (2, 5)
    assert at("/patterns/0/pattern") == (2, 14)
    assert at("/patterns/0/pattern", at_key=True) == (2, 5)
    assert at("/patterns/0/pattern", offset=3) == (2, 17)
    assert at("/patterns/0/provider", offset=3) == (3, 19)
    assert at("/patterns/1/pattern", offset=3) == (4, 15)
    assert at("/a~1b~0c/d") == (8, 6)
    assert at("/a~1b~0c/missing/deeper", offset=4) == (7, 1)
    assert at("/nothing") == (1, 1)


def test_an_empty_file_has_no_value(tmp_path: Path) -> None:
    assert read(tmp_path, "").value is None
    assert read(tmp_path, "# only a remark\n").value is None
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\n").value == {"a": 1}


def test_files_that_are_none(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path / "missing.yaml", "No such file"),
        (tmp_path, "is a folder"),
        (Path("/dev/null"), "not a regular file"),
        (tmp_path / "a\0b", "cannot be read"),
    ]:
        with pytest.raises(DocumentError) as caught:
            read_document(path)
        assert caught.value.diagnostic.code == "unreadable-file"
        assert reason in caught.value.diagnostic.message
    assert refused(tmp_path, b"a" * (MOST_BYTES + 1)).code == "unreadable-file"


def test_a_finding_reads_as_two_lines() -> None:
    item = LocatedDiagnostic("c.yaml", 3, 5, "error", "unknown-key", "no key 'x'", "remove it")
    assert str(item) == "c.yaml:3:5: error: no key 'x' [unknown-key]\n  fix: remove it"


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text("ab: -\n[]{}&*!|>'\"#%@`,?<~\t\\x0u", max_size=80))
)
def test_no_input_escapes_as_anything_but_a_placed_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        document = read(folder, content)
    except DocumentError as problem:
        found = [problem.diagnostic]
    else:
        found = document.problems
        json.dumps(document.value, allow_nan=False).encode()
    assert all(item.line >= 1 and item.column >= 1 for item in found)


# ── include ──────────────────────────────────────────────────────────────────────────────────────


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        target = folder / f"{name.replace('__', '/')}.yaml"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    return folder / "root.yaml"


def test_includes_are_relative_and_merge_top_level_maps(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        root="include: [sub/models.yaml, more.yaml]\nmodels: {a: 1}\n",
        sub__models="include: deep.yaml\nmodels: {b: 2}\npatterns: [x]\n",
        sub__deep="metadata: {version: 1}\n",
        more="include: sub/deep.yaml\n",
    )
    document = read_with_includes(root)
    assert document.problems == []
    assert document.complete
    assert document.value == {
        "models": {"a": 1, "b": 2},
        "patterns": ["x"],
        "metadata": {"version": 1},
    }
    place = document.places.locate("/models/b")
    assert (place.file, place.line) == (str(tmp_path / "sub/models.yaml"), 2)


def test_the_same_entry_in_two_files_names_both_places(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        root="models: {a: 1}\npatterns: [x]\ninclude: other.yaml\n",
        other="models:\n  a: 2\npatterns: [y]\n",
    )
    problems = read_with_includes(root).problems
    assert [(Path(item.file).name, *spot(item)) for item in problems] == [
        ("other.yaml", "duplicate-key", 2, 3),
        ("other.yaml", "duplicate-key", 3, 1),
    ]
    assert "root.yaml:1:10" in problems[0].message
    assert "root.yaml:2:1" in problems[1].message


def test_every_bad_include_is_reported_where_it_is_named(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        root="include:\n  - missing.yaml\n  - root.yaml\n  - 7\n  - list.yaml\n  - empty.yaml\n",
        list="- a\n",
        empty="",
    )
    document = read_with_includes(root)
    assert not document.complete
    assert [(Path(item.file).name, *spot(item)) for item in document.problems] == [
        ("root.yaml", "unreadable-file", 2, 5),
        ("root.yaml", "include-cycle", 3, 5),
        ("root.yaml", "bad-include", 4, 5),
        ("list.yaml", "not-a-mapping", 1, 1),
        ("empty.yaml", "not-a-mapping", 1, 1),
    ]


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "12\n"])
def test_a_config_is_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError, match="a config is a mapping of sections"):
        read_with_includes(write(tmp_path, root=text))


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    files = {f"f{n}": f"k{n}: {{}}\n" for n in range(40)}
    root = write(
        tmp_path, root=f"include: [{', '.join(f'{name}.yaml' for name in files)}]", **files
    )
    codes = {item.code for item in read_with_includes(root).problems}
    assert codes == {"too-many-files"}
