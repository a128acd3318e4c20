"""The service config: defaults, every error at once with its place, and who may call."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from router_service.config.reference import REFERENCE_CONFIG
from router_service.errors import ServiceConfigRejected
from router_service.service_config import (
    ServiceConfig,
    check_binding,
    load_api_keys,
    load_service_config,
)
from router_service.service_config.model import AuthConfig

ROOT = Path(__file__).parents[2]


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> ServiceConfig:
    path = folder / "service.yaml"
    path.write_text(text)
    return load_service_config(path, environ or {})


def rejected(folder: Path, text: str) -> str:
    with pytest.raises(ServiceConfigRejected) as caught:
        load(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_no_file_and_an_empty_file_are_all_defaults(tmp_path: Path) -> None:
    config = load_service_config(None, {})
    assert config == load(tmp_path, "# nothing\n")
    assert (config.grpc.host, config.grpc.port) == ("127.0.0.1", 50051)
    assert (config.http.port, config.http.max_body_bytes) == (4000, 16 * 1024 * 1024)
    assert config.routing.config == REFERENCE_CONFIG
    assert config.forward_headers == ()


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    path = ROOT / "config" / "service.yaml"
    assert load_service_config(path, {}) == ServiceConfig()
    shown = YAML(typ="safe", pure=True).load(path)
    declared = ServiceConfig().model_dump(exclude={"routing"})
    assert {key: set(value or ()) for key, value in shown.items()} == {
        key: set(value) for key, value in declared.items()
    }


def test_every_error_is_reported_with_place_and_fix(tmp_path: Path) -> None:
    text = (
        "grpc:\n"
        "  prot: 1\n"
        "  port: 70000\n"
        "http: {port: '4000'}\n"
        "limits:\n"
        "  queue_timeout_s: 30s\n"
        "  max_queue: 1\n"
        "  max_queue: 2\n"
        "logging: {level: verbose}\n"
        "forward_headers: [X-Team, Authorization]\n"
        "colour: red\n"
    )
    assert rejected(tmp_path, text).splitlines() == [
        "service.yaml:2:3: error: there is no key grpc.prot [unknown-key]",
        "  fix: did you mean port?",
        "service.yaml:3:9: error: grpc.port should be less than or equal to 65535 [bad-value]",
        "  fix: grpc.port is the port, 0 to 65535; 0 takes any free one",
        "service.yaml:4:14: error: http.port should be a valid integer [bad-value]",
        "  fix: http.port is the port, 0 to 65535; 0 takes any free one",
        "service.yaml:6:20: error: limits.queue_timeout_s should be a valid number [bad-value]",
        "  fix: limits.queue_timeout_s is the longest wait for room, seconds",
        "service.yaml:8:3: error: the key 'max_queue' is given twice; the first is at "
        "service.yaml:7:3 [duplicate-key]",
        "  fix: remove or rename one of the two",
        "service.yaml:9:18: error: logging.level should be 'debug', 'info', 'warning' or 'error' "
        "[bad-value]",
        "  fix: logging.level is the least severe messages shown",
        "service.yaml:10:27: error: forward_headers.1 authorization is never forwarded: it belongs "
        "to this hop alone [bad-value]",
        "  fix: forward_headers is the client headers sent upstream, besides tracing headers",
        "service.yaml:11:1: error: there is no key colour [unknown-key]",
        "  fix: remove it; known here: grpc, http, auth, limits, polling, reload, switch, "
        "logging, decision_log, forward_headers, routing",
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("- a\n", "service.yaml:1:1: error: "),
        ("grpc: 3\n", "service.yaml:1:7: error: grpc "),
        ("grpc:\n\tport: 1\n", "service.yaml:2:1: error: "),
        ("auth: {api_keys_env: 'a b'}\n", "service.yaml:1:22: error: auth.api_keys_env "),
        ("limits: {max_concurrent: 0}\n", "service.yaml:1:26: error: limits.max_concurrent "),
        ("limits: {max_concurrent: 1.5}\n", "service.yaml:1:26: error: limits.max_concurrent "),
        ("logging: {access_log: null}\n", "service.yaml:1:23: error: logging.access_log "),
        ("forward_headers: x\n", "service.yaml:1:18: error: forward_headers "),
    ],
)
def test_bad_input_is_placed(tmp_path: Path, text: str, start: str) -> None:
    assert rejected(tmp_path, text).startswith(start)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceConfigRejected, match="No such file"):
        load_service_config(tmp_path / "none.yaml", {})


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "auth: {api_keys_file: keys.txt}\n"
        "logging: {access_log: access.log}\n"
        "routing: {config: /etc/fleet.yaml}\n"
        "forward_headers: [X-Team, x-team, X-User]\n",
    )
    assert config.auth.api_keys_file == tmp_path / "keys.txt"
    assert config.logging.access_log == str(tmp_path / "access.log")
    assert config.routing.config == Path("/etc/fleet.yaml")
    assert config.forward_headers == ("x-team", "x-user")


def test_the_environment_names_the_routing_config(tmp_path: Path) -> None:
    environ = {"ROUTER_SERVICE_CONFIG": "fleet.yaml"}
    assert load_service_config(None, environ).routing.config == Path("fleet.yaml")
    assert load(tmp_path, "routing: {config: a.yaml}", environ).routing.config == Path("fleet.yaml")


def test_configs_cannot_be_changed() -> None:
    config = ServiceConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.grpc.port = 1  # type: ignore[misc]


# ── API keys ─────────────────────────────────────────────────────────────────────────────────────


def keys_in(text: str) -> dict[str, str]:
    return load_api_keys(AuthConfig(), {"ROUTER_SERVICE_API_KEYS": text})


def test_keys_come_from_the_environment() -> None:
    assert load_api_keys(AuthConfig(), {}) == {}
    assert keys_in("ann:k1, bob:k2\nann:k3") == {"k1": "ann", "k2": "bob", "k3": "ann"}
    (principal,) = keys_in("sk-secret-key").values()
    assert principal.startswith("key-")
    assert "secret" not in principal


def test_keys_come_from_a_file_and_the_environment_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text("# our services\nann:k1\n\nbob:k2\n")
    file.chmod(0o600)
    auth = AuthConfig(api_keys_file=file, api_keys_env="OTHER")
    with caplog.at_level(logging.WARNING):
        assert load_api_keys(auth, {"OTHER": "k3"}).keys() == {"k1", "k2", "k3"}
        assert caplog.messages == []
        file.chmod(0o644)
        load_api_keys(auth, {})
    assert "chmod 600" in caplog.text


@pytest.mark.parametrize("text", ["ann:", ":s3cret", "ann:s3 cret", "sécret", "a:s3cret,b:s3cret"])
def test_bad_entries_are_refused_without_showing_the_key(text: str) -> None:
    with pytest.raises(ServiceConfigRejected, match="ROUTER_SERVICE_API_KEYS, line 1") as caught:
        keys_in(text)
    assert "cret" not in str(caught.value)


def test_unusable_key_files_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("# none yet\n")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for file, reason in [
        (empty, "holds no API key"),
        (binary, "not UTF-8"),
        (tmp_path, "a folder"),
        (tmp_path / "none", "no such file"),
    ]:
        with pytest.raises(ServiceConfigRejected, match=reason):
            load_api_keys(AuthConfig(api_keys_file=file), {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_binding(host, {})


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "router.example", "::ffff:1.2.3.4"]
)
def test_beyond_loopback_needs_keys_and_says_both_fixes(host: str) -> None:
    with pytest.raises(ServiceConfigRejected) as caught:
        check_binding(host, {})
    assert "ROUTER_SERVICE_API_KEYS" in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    check_binding(host, {"k": "ann"})


def test_polling_is_off_or_not_too_often(tmp_path: Path) -> None:
    polling = load(tmp_path, "polling: {load_interval_s: 0, health_interval_s: 0.1}\n").polling
    assert (polling.load_interval_s, polling.health_interval_s) == (0, 0.1)
    said = rejected(tmp_path, "polling: {load_interval_s: 0.05}\n")
    assert "service.yaml:1:28: error: polling.load_interval_s should be 0 (off) or at least" in said
