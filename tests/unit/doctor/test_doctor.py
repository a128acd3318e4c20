"""Every trouble a provider can have is found, told apart from others, and comes with its fix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from router_service.core import Table
from router_service.doctor.examine import MOST_AT_ONCE, Examined, Key, Wishes, examine
from router_service.doctor.findings import Finding, findings_of
from router_service.testing import Behaviour, FakeProvider, Fault, FaultKind, ProviderSpec, Server

from .fakes import Lists, one, serving, table

KEY = "a-key"
VARIABLE = "A_VARIABLE"
TOKEN = Wishes(first_token=True)
LISTED = {"/v1/models": (200, '{"data": [{"id": "m"}]}')}
PAID = Wishes(first_token=True, cloud=True)


async def examined(
    of: Table, wishes: Wishes | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Examined, list[Finding]]:
    (result,) = await examine(of, wishes or Wishes(), environ=environ or {})
    return result, findings_of(result)


def fake(server: Server, *models: str, **settings: Any) -> FakeProvider:
    return FakeProvider(ProviderSpec("p", server, models=models or None, **settings))


def only(findings: list[Finding], code: str, severity: str = "error") -> Finding:
    assert [(item.code, item.severity) for item in findings] == [(code, severity)], findings
    return findings[0]


# ── A healthy provider ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("server", "kind", "signals"),
    [
        (Server.OLLAMA, "ollama", ("loaded",)),
        (Server.VLLM, "vllm", ("running", "waiting", "cache_used")),
        (Server.LLAMA_CPP, "openai", ("running", "waiting")),
        (Server.LLAMA_CPP_PYTHON, "openai", ()),
    ],
)
async def test_nothing_is_found_where_nothing_is_wrong(
    server: Server, kind: str, signals: tuple[str, ...]
) -> None:
    async with fake(server, "m1", "m2") as provider:
        result, findings = await examined(one(provider.base_url, "m1", "m2", kind=kind))
    assert findings == []
    assert result.listed == ("m1", "m2")
    assert result.key is Key.NONE
    assert result.connect_s is not None
    assert result.list_s is not None
    assert 0 < result.connect_s < 5
    assert 0 < result.list_s < 5
    told = result.signals
    assert told is not None
    names = ("running", "waiting", "cache_used", "loaded")
    assert tuple(name for name in names if getattr(told, name) is not None) == signals
    assert result.first_token is None
    assert await provider.log() == [], "nothing is generated"


async def test_an_inactive_provider_is_not_asked() -> None:
    lists = Lists(LISTED)
    async with serving(lists) as url:
        result, findings = await examined(one(f"{url}/v1", "m", enabled=False))
    assert (result.error, result.listed, findings, lists.asked) == (None, None, [], [])


async def test_a_cloud_provider_is_not_asked_for_its_load() -> None:
    lists = Lists(LISTED)
    async with serving(lists) as url:
        result, _ = await examined(one(f"{url}/v1", "m", kind="vllm", location="cloud"))
    assert result.signals is None
    assert lists.asked == ["/v1/models"]


async def test_many_providers_are_asked_at_once_but_not_all() -> None:
    lists = Lists(LISTED)
    async with serving(lists) as url:
        provider = {"kind": "openai", "base_url": f"{url}/v1"}
        many = {f"p{number}": provider for number in range(3 * MOST_AT_ONCE)}
        done: list[str] = []
        results = await examine(
            table(many, {"m": {"provider": "p0"}}), Wishes(), examined=done.append, environ={}
        )
    assert [result.provider.id for result in results] == list(many)
    assert sorted(done) == sorted(many)
    assert all(result.listed == ("m",) for result in results)
    assert 1 < lists.most_at_once <= MOST_AT_ONCE


# ── Reaching it ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("ollama", "ollama serve"),
        ("vllm", "vllm serve MODEL --port"),
        ("openai", "llama-server -m MODEL.gguf --port"),
    ],
)
async def test_nobody_listens(kind: str, start: str) -> None:
    async with fake(Server.OPENAI) as provider:
        await provider.kill()
        result, findings = await examined(one(provider.base_url, "m", kind=kind))
    found = only(findings, "unreachable")
    assert "refused" in found.message.lower()
    assert start in found.fix
    assert provider.base_url in found.fix
    assert result.connect_s is None


async def test_a_wrong_port_is_told_where_the_server_is() -> None:
    async with (
        fake(Server.OLLAMA, "m") as ollama,
        fake(Server.VLLM, "m") as vllm,
        fake(Server.OPENAI) as gone,
    ):
        await gone.kill()
        wishes = Wishes(ports=(gone.port, vllm.port, ollama.port))
        lost = one(gone.base_url.removesuffix("/v1"), "m", kind="ollama")
        result, findings = await examined(lost, wishes)
        both = {"p": {"kind": "ollama", "base_url": gone.base_url}} | {
            "q": {"kind": "ollama", "base_url": f"{ollama.base_url}/"}
        }
        (taken, _) = await examine(table(both, {"m": {"provider": "q"}}), wishes, environ={})
    assert result.elsewhere == (ollama.base_url,)
    fix = only(findings, "unreachable").fix
    assert f"answers at {ollama.base_url}: correct providers.p.base_url" in fix
    assert taken.elsewhere == (), "that one is another provider of the config"


async def test_a_name_that_does_not_resolve() -> None:
    address = "https://nowhere.invalid/v1"
    _, findings = await examined(one(address, "m", location="cloud"))
    found = only(findings, "unreachable")
    assert "does not resolve" in found.message
    assert address in found.fix
    assert "serve" not in found.fix


async def test_a_list_that_does_not_come() -> None:
    async with serving(Lists({"/v1/models": None})) as url:
        result, findings = await examined(one(f"{url}/v1", "m"), Wishes(timeout_s=0.2))
    assert "--timeout" in only(findings, "too-slow").fix
    assert result.connect_s is not None
    assert result.list_s is None


async def test_a_server_of_another_kind_is_recognised() -> None:
    async with fake(Server.VLLM, "m") as provider:
        root = provider.base_url.removesuffix("/v1")
        _, as_ollama = await examined(one(root, "m", kind="ollama"))
        _, without_path = await examined(one(root, "m", kind="vllm"))
    for findings in (as_ollama, without_path):
        fix = only(findings, "other-server").fix
        assert f"kind: vllm and base_url: {provider.base_url}" in fix


async def test_a_server_that_serves_no_models() -> None:
    async with serving(Lists({"/v1/models": (200, "<html>It works</html>")})) as url:
        _, findings = await examined(one(f"{url}/v1", "m"))
    assert f"{url}/v1" in only(findings, "not-understood").fix


async def test_a_server_in_trouble() -> None:
    async with serving(Lists({"/v1/models": (503, "starting")})) as url:
        _, findings = await examined(one(f"{url}/v1", "m"))
    found = only(findings, "no-list")
    assert "503" in found.message
    assert "starting" in found.message


# ── The key ──────────────────────────────────────────────────────────────────────────────────────


async def test_an_unset_variable_does_not_hide_that_the_provider_is_up() -> None:
    async with fake(Server.OPENAI, "m", api_key=KEY) as provider:
        result, findings = await examined(one(provider.base_url, "m", credential_env=VARIABLE))
    found = only(findings, "key-missing")
    assert f"{VARIABLE} is not set" in found.message
    assert f"export {VARIABLE}=" in found.fix
    assert result.key is Key.MISSING
    assert result.connect_s is not None


async def test_a_missing_key_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    async with fake(Server.OPENAI, "m") as provider:
        result, findings = await examined(
            one(provider.base_url, "m", credential_file=str(path)), TOKEN
        )
    found = only(findings, "key-missing")
    assert "No such file" in found.message
    assert str(path) in found.fix
    assert result.listed == ("m",)
    assert result.first_token is None


async def test_a_key_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("wrong")
    async with fake(Server.OPENAI, "m", api_key=KEY) as provider:
        by_variable = one(provider.base_url, "m", credential_env=VARIABLE)
        result, of_variable = await examined(by_variable, environ={VARIABLE: "wrong"})
        by_file = one(provider.base_url, "m", credential_file=str(path))
        _, of_file = await examined(by_file)
        _, of_none = await examined(one(provider.base_url, "m"))
    assert result.key is Key.REFUSED
    found = only(of_variable, "key-refused")
    assert "401" in found.message
    assert f"export {VARIABLE}=" in found.fix
    assert str(path) in only(of_file, "key-refused").fix
    assert "credential_env: NAME" in only(of_none, "key-refused").fix
    assert "wrong" not in json.dumps([item.message for item in (*of_variable, *of_file)])


async def test_a_key_that_is_forbidden() -> None:
    async with serving(Lists({"/v1/models": (403, "not yours")})) as url:
        config = one(f"{url}/v1", "m", credential_env=VARIABLE)
        _, findings = await examined(config, environ={VARIABLE: KEY})
    assert "403" in only(findings, "key-refused").message


async def test_a_key_is_accepted_only_where_it_was_wanted() -> None:
    environ = {VARIABLE: KEY}
    async with fake(Server.OPENAI, "m", api_key=KEY) as closed, fake(Server.OPENAI, "m") as public:
        accepted, none = await examined(
            one(closed.base_url, "m", credential_env=VARIABLE), environ=environ
        )
        config = one(public.base_url, "m", credential_env=VARIABLE, location="cloud")
        untested, note = await examined(config, environ=environ)
        tested, nothing = await examined(config, PAID, environ)
    assert (accepted.key, none) == (Key.ACCEPTED, [])
    assert untested.key is Key.UNTESTED
    assert "--first-token --cloud" in only(note, "key-untested", "note").fix
    assert (tested.key, nothing) == (Key.ACCEPTED, [])


# ── Models and load ──────────────────────────────────────────────────────────────────────────────


async def test_a_model_that_is_not_there() -> None:
    async with fake(Server.OLLAMA, "qwen2.5-coder:7b", "llama3.1:latest") as provider:
        config = one(provider.base_url, "qwen2.5-codr:7b", "llama3.1", kind="ollama")
        result, findings = await examined(config)
    found = only(findings, "model-missing")
    assert "closest: qwen2.5-coder:7b" in found.message
    assert "ollama pull qwen2.5-codr:7b" in found.fix
    assert [missing.model for missing in result.missing] == ["qwen2.5-codr:7b"]


async def test_names_of_the_cloud_are_known_without_their_suffix() -> None:
    async with fake(Server.OLLAMA, "glm-4.6", "gpt-oss:120b") as provider:
        config = one(provider.base_url, "glm-4.6:cloud", "gpt-oss:120b-cloud", kind="ollama")
        result, findings = await examined(config)
    assert (result.missing, findings) == ((), [])


async def test_a_server_of_one_model_may_answer_to_any_name() -> None:
    async with fake(Server.LLAMA_CPP) as provider:
        config = one(provider.base_url, "llama-cpp-native")
        _, listed = await examined(config)
        _, asked = await examined(config, TOKEN)
        both = one(provider.base_url, "default", "llama-cpp-native")
        _, proven = await examined(both, TOKEN)
    assert "--first-token" in only(listed, "model-not-listed", "warning").fix
    assert asked == []
    only(proven, "model-not-listed", "warning")


async def test_a_server_without_models() -> None:
    lists = Lists({"/api/tags": (200, '{"models": []}'), "/api/ps": (200, '{"models": []}')})
    async with serving(lists) as url:
        _, findings = await examined(table({"p": {"kind": "ollama", "base_url": url}}, {}))
    assert "ollama pull NAME" in only(findings, "no-models", "warning").fix


@pytest.mark.parametrize("kind", [FaultKind.LOAD_MALFORMED, FaultKind.LOAD_MISSING])
async def test_load_figures_that_do_not_come(kind: FaultKind) -> None:
    broken = Behaviour(faults=(Fault(kind),))
    async with fake(Server.VLLM, "m", behaviour=broken) as provider:
        _, findings = await examined(one(provider.base_url, "m", kind="vllm"))
    only(findings, "no-load-figures", "warning")


# ── A first token ────────────────────────────────────────────────────────────────────────────────


async def test_a_first_token_is_timed() -> None:
    slow = Behaviour(first_token_s=0.1, loaded=("m2",))
    async with fake(Server.OLLAMA, "m1", "m2", behaviour=slow) as provider:
        config = one(provider.base_url, "absent", "m1", "m2", kind="ollama")
        result, _ = await examined(config, TOKEN)
        asked = [entry.json for entry in await provider.log()]
    timed = result.first_token
    assert timed is not None
    assert timed.upstream_model == "m2", "what is in memory goes first"
    assert [body["options"]["num_predict"] for body in asked] == [1]
    assert timed.first_byte_s is not None
    assert timed.first_token_s is not None
    assert timed.first_byte_s < timed.first_token_s
    assert timed.first_token_s >= 0.1


async def test_a_token_in_the_cloud_is_asked_for_only_on_demand() -> None:
    async with fake(Server.OPENAI, "m") as provider:
        config = one(provider.base_url, "m", location="cloud")
        unasked, _ = await examined(config, TOKEN)
        before = len(await provider.log())
        asked, _ = await examined(config, PAID)
    assert (unasked.first_token, before) == (None, 0)
    assert asked.first_token is not None
    assert asked.first_token.first_token_s is not None


async def test_a_first_token_that_does_not_come() -> None:
    silent = Behaviour(faults=(Fault(FaultKind.SILENCE),))
    async with fake(Server.VLLM, "m", behaviour=silent) as provider:
        config = one(provider.base_url, "m", kind="vllm", first_token_timeout_ms=200)
        _, findings = await examined(config, TOKEN)
    found = only(findings, "no-answer")
    assert "no first token within 0.2 s" in found.message
    assert "first_token_timeout_ms" in found.fix


@pytest.mark.parametrize(("status", "code"), [(500, "no-answer"), (401, "key-refused")])
async def test_an_answer_that_is_refused(status: int, code: str) -> None:
    refusing = Behaviour(faults=(Fault(FaultKind.STATUS, status=status),))
    async with fake(Server.VLLM, "m", behaviour=refusing) as provider:
        _, findings = await examined(one(provider.base_url, "m", kind="vllm"), TOKEN)
    assert str(status) in only(findings, code).message


async def test_a_model_that_does_not_chat_gives_way_to_the_next() -> None:
    once = Behaviour(faults=(Fault(FaultKind.STATUS, status=400, times=1),))
    async with fake(Server.VLLM, "embedder", "chatter", behaviour=once) as provider:
        result, findings = await examined(
            one(provider.base_url, "embedder", "chatter", kind="vllm"), TOKEN
        )
    assert findings == []
    assert result.first_token is not None
    assert result.first_token.upstream_model == "chatter"
