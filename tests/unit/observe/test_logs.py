"""Messages of the process: forms, redaction, forged lines, and names said once."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from router_service.observe.logs import DeprecationLog, LogFormat, setup_logging
from router_service.observe.text import Redactor, clip, one_line

logger = logging.getLogger("router_service.tests")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, package = logging.getLogger(), logging.getLogger("router_service")
    handlers, levels = list(root.handlers), (root.level, package.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    package.setLevel(levels[1])


def logged(log_format: LogFormat, message: str, *arguments: object, secrets: str = "") -> str:
    stream = io.StringIO()
    setup_logging("info", log_format, secrets=(secrets,), stream=stream)
    logger.info(message, *arguments)
    return stream.getvalue()


def test_text_line() -> None:
    line = logged("text", "listening on %s", "127.0.0.1:4000")
    assert line.endswith("Z INFO router_service.tests: listening on 127.0.0.1:4000\n")


def test_json_line() -> None:
    fields = json.loads(logged("json", "listening on %s", "127.0.0.1:4000"))
    assert fields.pop("time").endswith("Z")
    assert fields == {
        "level": "info",
        "logger": "router_service.tests",
        "message": "listening on 127.0.0.1:4000",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_message_stays_on_its_line(log_format: LogFormat) -> None:
    text = logged(log_format, "model %s", "x\n2026 ERROR forged\x1b[2J\u2028")
    assert text.count("\n") == 1
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_keys_are_taken_out_of_messages_and_tracebacks(log_format: LogFormat) -> None:
    stream = io.StringIO()
    setup_logging("info", log_format, secrets=("plain-looking-word",), stream=stream)
    try:
        raise ValueError("sent plain-looking-word and Bearer abcdef123456")
    except ValueError:
        logger.exception("failed with api_key=%s", "qwertyuiop")
    text = stream.getvalue()
    assert "Traceback" in text
    for key in ("plain-looking-word", "abcdef123456", "qwertyuiop"):
        assert key not in text


def test_the_level_holds_for_the_package_and_libraries_stay_quiet() -> None:
    stream = io.StringIO()
    setup_logging("debug", stream=stream)
    logger.debug("ours")
    logging.getLogger("aiohttp.server").info("theirs")
    logging.getLogger("aiohttp.server").warning("their warning")
    assert [line.split(": ")[1] for line in stream.getvalue().splitlines()] == [
        "ours",
        "their warning",
    ]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        setup_logging("loud", stream=io.StringIO())


def test_setting_up_twice_does_not_double_the_lines() -> None:
    logged("text", "first")
    assert logged("text", "second").count("second") == 1


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-ghi=", "Authorization: [redacted]"),
        ("'authorization': 'Bearer abcdefgh'}", "'authorization': '[redacted]'}"),
        ("got bearer abcdefgh there", "got bearer [redacted] there"),
        ("x-api-key: s3cr3t next", "x-api-key: [redacted] next"),
        ('{"api_key":"s3cr3t"}', '{"api_key":"[redacted]"}'),
        (
            "Incorrect API key provided: sk-proj-abcd1234efgh",
            "Incorrect API key provided: [redacted]",
        ),
        ("hf_abcdefghijk", "[redacted]"),
        ("redis://user:pass@host:6379/0", "redis://[redacted]@host:6379/0"),
        ("max_tokens: 50, model: llama3.1:8b", "max_tokens: 50, model: llama3.1:8b"),
        ("http://127.0.0.1:11434/api/chat", "http://127.0.0.1:11434/api/chat"),
    ],
)
def test_redaction_by_shape(text: str, clean: str) -> None:
    assert Redactor()(text) == clean


def test_a_longer_key_is_taken_out_whole() -> None:
    assert Redactor(["abcdef", "abcdefghi"])("<abcdefghi>") == "<[redacted]>"


def test_keys_can_be_added_later() -> None:
    redact = Redactor(["first-key"])
    assert redact("second-key") == "second-key"
    redact.add(["second-key"])
    assert redact("first-key second-key") == "[redacted] [redacted]"


def test_short_keys_do_not_mangle_words() -> None:
    assert Redactor(["a"])("a banana") == "a banana"


def test_one_line_keeps_what_prints() -> None:
    assert one_line("größe 模型 a-b") == "größe 模型 a-b"
    assert one_line("a\tb\u202ec") == "a\\tb\\u202ec"


def test_clip_marks_the_cut() -> None:
    assert clip("abcd", 4) == "abcd"
    assert clip("abcde", 4) == "abc…"


def test_deprecated_names_are_said_once_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    log = DeprecationLog(limit=2)
    for name in ("code_generation", "code_generation", "analysis", "general_chat"):
        log.used(name, "new")
    assert [record.args for record in caplog.records] == [
        ("code_generation", "new"),
        ("analysis", "new"),
    ]
