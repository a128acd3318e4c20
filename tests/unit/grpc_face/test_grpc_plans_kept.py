"""The part of a decision that is kept between calls: nothing of one call shows in another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from router_service.faces.grpc.replies import DecisionWriter
from router_service.v1 import types_pb2


class Providers:
    """Providers whose address the test can move."""

    def __init__(self) -> None:
        self.base_url = "http://one"

    def provider(self, provider_id: str) -> Any:
        return SimpleNamespace(
            id=provider_id,
            kind="openai",
            base_url=self.base_url,
            location="local",
            credential=None,
            connect_us=1,
            first_token_us=2,
            idle_us=3,
        )


def decided(requested: str, *, permit: str = "", version: str = "v1", notes: Any = ()) -> Any:
    upstream = SimpleNamespace(
        model=requested,
        provider="p",
        deployment="*@p",
        upstream_model=requested,
        tier=None,
        param_change_pct=None,
    )
    return SimpleNamespace(
        decision_id="d",
        table_version=version,
        requested_model=requested,
        rule="default",
        matched=requested,
        strategy="direct",
        complexity="medium",
        prompt_tokens=0,
        plan=[upstream],
        plan_key=b"*@p",
        skipped=[],
        notes=list(notes),
        deprecated=None,
        propensity=1.0,
        seed=1,
        permit=permit,
        permit_expires_us=9,
    )


def written(writer: DecisionWriter, decision: Any) -> types_pb2.Decision:
    message = types_pb2.Decision()
    writer.decision(decision, message, with_candidates=False)
    return message


def test_a_permit_and_notes_stay_with_their_own_call() -> None:
    writer = DecisionWriter(Providers())  # type: ignore[arg-type]
    first = written(writer, decided("a", permit="secret", notes=["note"]))
    second = written(writer, decided("a"))
    assert (first.targets[0].permit, list(first.notes)) == ("secret", ["note"])
    assert (second.targets[0].permit, second.targets[0].permit_expires_us) == ("", 0)
    assert list(second.notes) == []


def test_a_passed_through_name_is_the_callers_own() -> None:
    writer = DecisionWriter(Providers())  # type: ignore[arg-type]
    names = [written(writer, decided(name)).targets[0].upstream_model for name in "abba"]
    assert names == ["a", "b", "b", "a"]


def test_a_new_config_brings_new_addresses() -> None:
    providers = Providers()
    writer = DecisionWriter(providers)  # type: ignore[arg-type]
    assert written(writer, decided("a")).targets[0].provider.base_url == "http://one"
    providers.base_url = "http://two"
    assert written(writer, decided("a", version="v2")).targets[0].provider.base_url == "http://two"


def test_what_is_kept_is_bounded() -> None:
    writer = DecisionWriter(Providers())  # type: ignore[arg-type]
    for number in range(5000):
        assert written(writer, decided(f"m{number}")).targets[0].model == f"m{number}"
    assert len(writer._plans) <= 1024
