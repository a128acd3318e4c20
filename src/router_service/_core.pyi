"""The compiled core. Only router_service.core imports this module."""

from collections.abc import Sequence
from typing import Self, final

OUTCOME_CLASSES: Sequence[str]
"""Every name `Outcome.outcome_class` accepts; equal to `types.OutcomeClass`."""

MOST_SIMULATED_REQUESTS: int
"""Most requests one run of a `Simulation` takes."""

@final
class Diagnostic:
    """One finding about a config. `pointer` is a JSON Pointer (RFC 6901) into the config."""

    @property
    def severity(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def pointer(self) -> str: ...
    @property
    def at_key(self) -> bool: ...
    @property
    def offset(self) -> int | None: ...
    @property
    def message(self) -> str: ...
    @property
    def suggestion(self) -> str | None: ...
    @property
    def accepted(self) -> str | None:
        """The reason, where the config accepts it; then it is neither an error nor a warning."""

@final
class Provider:
    """A provider as connectors need it. Times are microseconds, capacity is requests at once."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def capacity(self) -> int: ...
    @property
    def credential(self) -> str | None: ...
    @property
    def active(self) -> bool: ...
    @property
    def connect_us(self) -> int: ...
    @property
    def first_token_us(self) -> int: ...
    @property
    def total_us(self) -> int | None:
        """For all of an attempt; None leaves it to the request's deadline."""
    @property
    def prefill(self) -> bool:
        """Goes on from the text of an assistant message at the end."""
    @property
    def priced(self) -> bool:
        """An answer costs something."""
    @property
    def idle_us(self) -> int: ...

@final
class Model:
    """A public model."""

    @property
    def name(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def parameters(self) -> int | None: ...
    @property
    def context_window(self) -> int | None: ...
    @property
    def capabilities(self) -> list[str]: ...
    @property
    def providers(self) -> list[str]: ...
    @property
    def aliases(self) -> list[str]: ...
    @property
    def enabled(self) -> bool: ...

@final
class Deployment:
    """A model on a provider."""

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def upstream_model(self) -> str:
        """The name the provider knows the model by."""
    @property
    def enabled(self) -> bool:
        """Both the model and the provider are enabled and active."""

@final
class Table:
    """A compiled, immutable routing config."""

    @staticmethod
    def compile(config: bytes) -> Table:
        """Compile a config given as JSON. Raises errors.ConfigRejected with every diagnostic."""

    @staticmethod
    def schema() -> str:
        """JSON Schema (2020-12) of the config, as JSON text."""

    @property
    def version(self) -> str: ...
    @property
    def warnings(self) -> list[Diagnostic]: ...
    @property
    def accepted(self) -> list[Diagnostic]:
        """What the config accepts."""
    @property
    def providers(self) -> list[Provider]: ...
    @property
    def models(self) -> list[Model]: ...
    @property
    def deployments(self) -> list[Deployment]:
        """Those of every model, in the order of the models."""
    @property
    def capabilities(self) -> list[str]: ...
    @property
    def pools(self) -> list[str]: ...
    @property
    def condition_headers(self) -> list[str]: ...
    @property
    def timeout_us(self) -> int: ...
    @property
    def warm_check_timeout_us(self) -> int:
        """How long a provider may take to say which models are loaded."""
    @property
    def token_limit(self) -> int:
        """The largest token count any rule can tell apart; counting stops there."""
    def outline(self) -> bytes:
        """What the config sends where, as JSON: settings, providers, deployments, models,
        capabilities and pools with names resolved, weights merged and defaults in force."""
    def inspect(self, body: bytes, operation: str) -> Inspection:
        """Read model, limits, features and token count of a request body in one pass.

        operation is "chat", "completion" or "embedding". Raises errors.InvalidRequest naming the
        place (line and column for malformed JSON, the field for a wrong type) and the fix. Bodies
        past 64 KiB are read without the GIL; call it in a thread for those.
        """
    def inspect_text(self, text: str) -> Inspection:
        """As inspect, for one bare prompt."""
    @property
    def query_model(self) -> str | None:
        """Model of the control arm of the experiment that serves classified queries, or None where
        the config has no query classes."""
    def classify(
        self,
        text: str,
        *,
        query_type: str | None = None,
        entities: Sequence[tuple[str, Sequence[str]]] = ...,
        context_docs: int = 0,
    ) -> tuple[str, str] | None:
        """simple, medium or complex, and the signal that decided, in plain words.

        entities are names with their values, context_docs is a number of documents. None where the
        config has no query classes. Time is linear; texts past 64 KiB are read without the GIL.
        """

def analyze(table: Table, assumptions: bytes | None = None) -> bytes:
    """The chain graph of a config, the plan of every model on an idle fleet, and what is lost with
    each provider and failure domain, as JSON (docs/analyze.md). Releases the GIL; call it in a
    thread where that matters.

    assumptions is a JSON object; what it leaves out has its default. Raises InvalidRequest for one
    that makes no sense for this table.
    """

@final
class Inspection:
    """What one pass over an OpenAI-style request body found."""

    @property
    def model(self) -> str | None: ...
    @property
    def stream(self) -> bool: ...
    @property
    def max_tokens(self) -> int | None: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def prompt_tokens_exact(self) -> bool: ...
    @property
    def features(self) -> list[str]: ...
    @property
    def choices(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def plain(self) -> bool:
        """One answer to one prompt, in text of no prescribed form."""

def overlay(body: bytes, changes: bytes) -> bytes:
    """Set the top-level members of `changes` in `body`, both JSON objects.

    Members not named keep their original bytes; a member set to null is removed.
    """

def count_tokens(text: str) -> int:
    """Tokens of a text, by cl100k."""

def warm() -> None:
    """Load the token vocabulary, about 25 ms that the first request would pay. Releases the GIL."""

@final
class Facts:
    """One request as the decision sees it. Raises ValueError for numbers out of range."""

    def __new__(
        cls,
        model: str,
        *,
        inspection: Inspection | None = None,
        capability: str | None = None,
        max_tokens: int | None = None,
        stream: bool | None = None,
        prompt_tokens: int | None = None,
        batch_size: int | None = None,
        batch_mode: bool = False,
        request_count: int | None = None,
        quality_tier: str | None = None,
        priority: str | None = None,
        session: str | None = None,
        principal: str | None = None,
        strategy: str | None = None,
        chain: str | None = None,
        headers: Sequence[tuple[str, str]] = ...,
        allowed: Sequence[str] | None = None,
        query_class: str | None = None,
    ) -> Self: ...
    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def prompt_tokens(self) -> int: ...

@final
class Hop:
    """One deployment of a plan."""

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def deployment(self) -> str: ...
    @property
    def upstream_model(self) -> str: ...
    @property
    def tier(self) -> str | None: ...
    @property
    def param_change_pct(self) -> float | None:
        """Change of the parameter count against the first hop, per cent; None where unknown."""

@final
class Skip:
    """A deployment left out of a plan, and why in plain words."""

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def deployment(self) -> str: ...
    @property
    def reason(self) -> str: ...

@final
class Decision:
    """Where a request goes, and why."""

    @property
    def decision_id(self) -> str: ...
    @property
    def table_version(self) -> str: ...
    @property
    def requested_model(self) -> str: ...
    @property
    def rule(self) -> str:
        """exact, pattern, capability, pool, size or default."""
    @property
    def commit(self) -> str:
        """When the first bytes of a stream leave: first_token or buffered."""
    @property
    def stream_break(self) -> str:
        """What happens to a stream that breaks off: error or continue."""
    @property
    def matched(self) -> str:
        """What the rule matched: the name, the pattern's text, the capability, pool or size."""
    @property
    def strategy(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def deployment(self) -> str: ...
    @property
    def upstream_model(self) -> str: ...
    @property
    def complexity(self) -> str:
        """low, medium or high."""
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def plan(self) -> list[Hop]: ...
    @property
    def plan_key(self) -> bytes:
        """Equal for equal plans under one table version; cheaper to read than the plan."""
    @property
    def skipped(self) -> list[Skip]: ...
    @property
    def notes(self) -> list[str]:
        """Remarks for the caller: a deprecated name, a strategy asked for in vain, no free slot, a
        budget that keeps the request or its fallback local."""
    @property
    def deprecated(self) -> str | None:
        """The current name where a deprecated one was used."""
    @property
    def experiment(self) -> str | None:
        """The experiment this request is part of."""
    @property
    def arm(self) -> str | None:
        """With experiment: the arm it was given."""
    @property
    def basis(self) -> str:
        """What decided on the first hop: strategy, affinity or exploration."""
    @property
    def propensity(self) -> float:
        """Probability of the first hop under the state at the time, after all filters."""
    @property
    def seed(self) -> int: ...
    @property
    def permit(self) -> str:
        """Opaque permit for the reserved slot; empty for an explanation."""
    @property
    def permit_expires_us(self) -> int: ...

@final
class Attempt:
    """One try of one deployment."""

    @property
    def number(self) -> int:
        """1 for the first try of this request."""
    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def deployment(self) -> str: ...
    @property
    def upstream_model(self) -> str: ...
    @property
    def permit(self) -> str: ...
    @property
    def streamed(self) -> bool:
        """To be asked for as a stream, whatever the caller asked for."""
    @property
    def kind(self) -> str:
        """Why it is made: first, repeat, fallback, hedge, or continuation, which goes on from what
        was already sent to the caller."""
    @property
    def hedge_after_us(self) -> int | None:
        """Without a first token by then, Router.hedge may find a second deployment."""

@final
class Step:
    """What to do next: exactly one of attempt, wait_us or failed is set, or done or awaits is
    true."""

    @property
    def done(self) -> bool: ...
    @property
    def awaits(self) -> bool:
        """Another attempt of this request still runs; its end decides."""
    @property
    def attempt(self) -> Attempt | None: ...
    @property
    def wait_us(self) -> int | None:
        """Wait this long, then call Router.resume."""
    @property
    def failed(self) -> str | None:
        """Short name of why the walk ends without an answer: callers_fault, content_policy,
        plan_exhausted, attempt_limit, retry_budget_spent, no_room, deadline, stream_broken,
        cancelled."""
    @property
    def reason(self) -> str | None:
        """With failed: the same in plain words."""
    @property
    def surface(self) -> int | None:
        """With failed: number of the attempt whose error the caller should see."""

@final
class Outcome:
    """What one attempt taught us. Times are microseconds."""

    def __new__(
        cls,
        outcome_class: str,
        *,
        status: int | None = None,
        ttft_us: int | None = None,
        total_us: int = 0,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        retry_after_us: int | None = None,
        served_model: str | None = None,
        delivered: str | None = None,
    ) -> Self: ...
    @property
    def outcome_class(self) -> str: ...
    @property
    def status(self) -> int | None: ...
    @property
    def ttft_us(self) -> int | None: ...
    @property
    def total_us(self) -> int: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def completion_tokens(self) -> int | None: ...
    @property
    def retry_after_us(self) -> int | None: ...
    @property
    def served_model(self) -> str | None: ...
    @property
    def delivered(self) -> str | None:
        """What had been sent on to the caller: text alone, or more than that; None is nothing."""

@final
class Walk:
    """One request on its way through its plan. Driven by Router.finish and Router.resume."""

    @property
    def decision(self) -> Decision: ...
    @property
    def step(self) -> Step:
        """The current step."""

@final
class Router:
    """A table and the live state. Every method is one short critical section; now_us is
    wall-anchored monotone microseconds, seed any 64-bit number."""

    def __new__(cls, table: Table, instance: str) -> Self: ...
    @property
    def table(self) -> Table: ...
    def decide(self, facts: Facts, now_us: int, seed: int) -> Decision:
        """Choose and reserve. Where every deployment is full, Decision.notes says so and there is
        no permit. Raises errors.DecisionError."""
    def decide_many(
        self, facts: Sequence[Facts], now_us: int, seed: int
    ) -> list[Decision | Exception]: ...
    def explain(self, facts: Facts, now_us: int, seed: int) -> bytes:
        """The decision with every candidate and what it was scored by, what each hop costs in
        quality, and the nearest changes that would alter the choice, as JSON; reserves nothing.
        It decides up to 200 times over, without the GIL and without holding others up. Raises
        DecisionError."""
    def begin(self, facts: Facts, now_us: int, seed: int, deadline_us: int) -> Walk:
        """Decide and start the walk; its first step is in Walk.step. Raises DecisionError."""
    def finish(self, walk: Walk, attempt: int, outcome: Outcome, now_us: int) -> Step:
        """End a running attempt, by its number, with its outcome, release its slot, and say what
        comes next. One that has ended already changes nothing."""
    def first_token(self, walk: Walk, attempt: int, now_us: int) -> None:
        """An attempt delivered its first content."""
    def hedge(self, walk: Walk, now_us: int) -> Step:
        """The running attempt is slow to its first token: a second one to run beside it, or awaits
        where none may be made."""
    def resume(self, walk: Walk, now_us: int) -> Step:
        """Go on after a wait."""
    def abandon(self, walk: Walk, now_us: int) -> None:
        """Release whatever the walk still holds; harmless when it holds nothing."""
    def report(self, permit: str, outcome: Outcome, now_us: int) -> str:
        """Outcome of a Route caller's own attempt: accepted, duplicate, expired or unknown."""
    def feedback(self, decision_id: str, score: float) -> bool:
        """How good the answer to a decision was, 0 to 1; the last score of a decision counts. False
        for a decision that was not made here or is not among the last 16,384. Raises ValueError for
        a score out of range."""
    def experiments(self, now_us: int) -> bytes:
        """Figures of every experiment by arm, and which arms serve which classes of queries, as
        JSON."""
    def reset_experiments(self, experiment: str | None, now_us: int) -> list[str]:
        """Start the figures of an experiment, or with None of all, anew and lift its rollback; the
        names of those that were reset."""
    def tick(self, now_us: int) -> int:
        """Expire permits; returns how many."""
    def swap(self, table: Table) -> None:
        """Put a new table in place; requests under way finish on the one they started on."""
    def learn_sizes(self, sizes: dict[str, str]) -> None:
        """Parameter counts by model name as providers list them ("7.6B", "7600000000"), for names
        that hold no size. What cannot be read is left out."""
    def signal(
        self,
        provider: str,
        now_us: int,
        valid_for_us: int,
        *,
        running: int | None = None,
        waiting: int | None = None,
        cache_used: float | None = None,
        loaded: Sequence[str] | None = None,
    ) -> None:
        """What a provider says of itself: requests running and waiting there (everybody's), share
        of its cache for keys and values in use (0 to 1), upstream names of the models it holds
        ready. None is what it does not tell. After valid_for_us it counts as unknown, not as zero.
        An unknown provider is ignored.
        """
    def unreachable(self, now_us: int) -> list[str]:
        """Ids of providers cooling down after faults of the connection: an active probe may end
        that."""
    def reachable(self, provider: str, now_us: int) -> None:
        """An active probe got through: the cooldown ends, and a request at a time tests it."""
    def set_provider_state(
        self, provider: str, state: str, *, reason: str = "", until_us: int = 0
    ) -> None:
        """enabled, draining or disabled, which is what an operator wants of a provider.

        One that is draining or disabled gets nothing new and finishes what it has; until_us ends
        that by itself, 0 does not. Raises errors.UnknownProvider, ValueError for another state.
        """
    def is_disabled(self, provider: str, now_us: int) -> bool:
        """Whether nothing at all, questions about itself included, may be sent to a provider."""
    def status(self, now_us: int) -> bytes:
        """What every provider and deployment is doing now, as JSON."""
    def record(self, open: bool) -> None:
        """Whether decisions and reports are kept for take_records from now on."""
    def take_records(self) -> tuple[list[str], int]:
        """What was decided and reported since the last call, as JSON lines
        (docs/decision-log.md), and how many records were lost after them. The lines are made
        without the GIL."""
    def snapshot(self) -> bytes:
        """State as versioned JSON."""
    def restore(self, snapshot: bytes) -> list[str]:
        """Load a snapshot's figures, for explanations and tests: no permit will give its in-flight
        counts back. Returns the ids, share groups and experiments this table does not know. Raises
        ValueError for another version.
        """
    def recall(self, record: bytes) -> tuple[Facts, int, int]:
        """Set the state to what a recorded decision read; returns its facts, time and seed. Raises
        ValueError."""
    def in_flight(self) -> dict[str, int]:
        """Requests in flight by provider id."""

@final
class Replayer:
    """Makes recorded decisions again with a table. It remembers figures over records: what a record
    says nothing of stays as an earlier one had it, and where the record is of another table,
    weighted shares take their turns by what is chosen here."""

    def __new__(cls, table: Table) -> Self: ...
    def replay(self, record: bytes) -> bytes:
        """`{"decision": …}` or `{"refused": …}` as JSON, in the form of the record.

        Raises ValueError for what is not the record of a decision.
        """
    def draws(self, record: bytes, seeds: Sequence[int]) -> list[str | None]:
        """The id of the first deployment for each seed; None where the request is refused. An
        experiment's arm is drawn with the seed too, as over all units. No turn of weighted shares
        passes, so this comes before the record is replayed.

        Raises ValueError as replay does.
        """

@final
class Simulation:
    """A scenario on a table: the real router against modelled providers, in virtual time."""

    def __new__(
        cls,
        table: Table,
        scenario: bytes,
        recorded: Sequence[tuple[float, int, int]] | None = None,
    ) -> Self:
        """Read a scenario given as JSON. `recorded` are the requests of its recording: seconds from
        anywhere, prompt tokens, output tokens. Raises errors.ConfigRejected with every diagnostic,
        placed in the scenario."""
    @property
    def strategies(self) -> list[str]:
        """The strategies to compare, `configured` being the config's own."""
    def run(self, strategy: str) -> bytes:
        """Run one of them; its report as JSON. Releases the GIL; call it in a thread."""
