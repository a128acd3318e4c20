"""The composition root: builds every room top to bottom, owns start and stop. The only module that
knows all the parts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from router_service import connectors
from router_service.connectors.credentials import read_credential
from router_service.core import Router, Table, now_us, overlay, warm
from router_service.faces.auth import Keys
from router_service.faces.grpc.server import bind, create_grpc_server
from router_service.faces.http.app import create_http_app
from router_service.faces.http.request import HttpLimits
from router_service.faces.http.server import start_http
from router_service.observe.access_log import AccessLog, open_access_log
from router_service.observe.batch import Batch
from router_service.observe.decision_log import DecisionLog, open_decision_log
from router_service.observe.key_alerts import KeyAlerts
from router_service.observe.logs import setup_logging
from router_service.observe.metrics import Metrics
from router_service.observe.observers import Observers
from router_service.observe.text import Redactor
from router_service.observe.tracing import BaseUrl, Tracing, configure_tracing
from router_service.service_config import (
    ServiceConfig,
    check_binding,
    load_api_keys,
)
from router_service.serving.admission import Admission, Bounds, Most
from router_service.serving.health import keep_probing
from router_service.serving.operations import Connect, Load, Operations
from router_service.serving.orchestrator import Orchestrator
from router_service.serving.ports import Loaded
from router_service.serving.signals import SignalPolling
from router_service.serving.sizes import keep_learning
from router_service.serving.switch import SwitchSettings
from router_service.serving.upstreams import Upstream, Upstreams
from router_service.serving.versions import Version, Versions
from router_service.serving.watch import keep_watching

TICK_S = 1.0
"""How often permits that nobody reported are looked for while no request comes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A running router."""

    orchestrator: Orchestrator
    operations: Operations
    router: Router
    admission: Admission
    grpc_port: int
    http_port: int
    access_log: AccessLog | None
    decision_log: DecisionLog | None


async def serve(config: ServiceConfig, loaded: Loaded, load: Load) -> int:
    """Run until SIGTERM or SIGINT, then finish what runs; returns the exit code.

    loaded is the routing config to begin with, which has a table; load reads it again for a reload.
    Raises ServiceConfigRejected where the config cannot be carried out on this machine.
    """
    stop = asyncio.Event()
    async with running(config, loaded, load) as service, asyncio.TaskGroup() as reloads:
        _on_signals(stop, service, reloads)
        logger.info(
            "ready: gRPC on %s:%d, HTTP on http://%s:%d, table %s; Ctrl-C stops",
            config.grpc.host,
            service.grpc_port,
            config.http.host,
            service.http_port,
            service.router.table.version,
        )
        await stop.wait()
        logger.info(
            "stopping: %d requests running and %d waiting, up to %g s to finish",
            service.admission.running,
            service.admission.waiting,
            config.limits.drain_timeout_s,
        )
    logger.info("stopped")
    return 0


@contextlib.asynccontextmanager
async def running(config: ServiceConfig, loaded: Loaded, load: Load) -> AsyncIterator[Service]:
    """A router that serves inside the block; leaving it drains and stops everything.

    Raises ValueError where nothing was loaded that could be served.
    """
    table = loaded.table
    if table is None:
        raise ValueError("the routing config to begin with has errors")
    keys = load_api_keys(config.auth)
    check_binding(config.grpc.host, keys)
    check_binding(config.http.host, keys)
    redact = setup_logging(config.logging.level, config.logging.format, secrets=keys)
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(warm)
        instance = secrets.token_hex(4)
        router = Router(table, instance)
        connect = await _connections(stack, redact)
        upstreams = Upstreams(connect(table))
        tracing = configure_tracing(os.environ, base_url=_base_urls(upstreams))
        stack.push_async_callback(_shut_tracing, tracing)
        access_log = open_access_log(config.logging.access_log)
        if access_log is not None:
            stack.callback(access_log.close)
        decision_log = _decision_log(router, config)
        if decision_log is not None:
            stack.callback(decision_log.close)
        admission = _admission(config)
        registry = CollectorRegistry()
        batch = Batch(registry)
        stack.callback(batch.flush)
        metrics = Metrics(
            registry,
            status=lambda: json.loads(router.status(now_us())),
            lanes=lambda: {work.value: lane for work, lane in admission.lanes.items()},
            dropped_lines=lambda: access_log.dropped if access_log else 0,
            lost_records=lambda: decision_log.lost if decision_log else 0,
            tasks=lambda: len(asyncio.all_tasks()),
        )
        written = [log for log in (access_log, decision_log) if log is not None]
        batch.feed(Observers(metrics, KeyAlerts(), *written))
        orchestrator = Orchestrator(
            router=router,
            upstreams=upstreams,
            admission=admission,
            tracing=tracing,
            observers=[batch],
            instance=instance,
            forward_headers=config.forward_headers,
            stream_timeout_s=config.limits.stream_timeout_s,
            keep_bodies=decision_log is not None and config.decision_log.prompts,
        )
        operations = _operations(router, upstreams, connect, loaded, load, config)
        for work in _background(router, upstreams, operations, config):
            task = asyncio.create_task(work)
            task.add_done_callback(partial(_tell_if_failed, metrics))
            stack.push_async_callback(_end, task)
        ports = await _start_faces(stack, config, orchestrator, operations, Keys(keys), metrics)
        stack.push_async_callback(operations.stop)
        # Half of the time to wait for a slot, so that who gets one still has the other half.
        stack.callback(admission.drain, config.limits.drain_timeout_s / 2)
        yield Service(orchestrator, operations, router, admission, *ports, access_log, decision_log)


def _decision_log(router: Router, config: ServiceConfig) -> DecisionLog | None:
    wanted = config.decision_log
    return open_decision_log(router, wanted.file, max_bytes=wanted.max_bytes, keep=wanted.keep)


def _operations(
    router: Router,
    upstreams: Upstreams,
    connect: Connect,
    loaded: Loaded,
    load: Load,
    config: ServiceConfig,
) -> Operations:
    """With the routing configs that an earlier run kept."""
    first = Version(router.table.version, now_us(), loaded.document)
    versions = Versions(first, config.reload.state_dir)
    versions.save()
    return Operations(
        router=router,
        upstreams=upstreams,
        load=load,
        connect=connect,
        first=loaded,
        versions=versions,
        switch=SwitchSettings(config.switch.commands, config.switch.timeout_s),
    )


def _admission(config: ServiceConfig) -> Admission:
    limits = config.limits
    bounds = Bounds(
        limits.max_concurrent,
        limits.max_queue,
        limits.queue_timeout_s,
        faces={
            "grpc": Most(config.grpc.max_concurrent, config.grpc.max_queue),
            "http": Most(config.http.max_concurrent, config.http.max_queue),
        },
        caller=Most(limits.max_concurrent_per_caller, limits.max_queue_per_caller),
    )
    return Admission(
        bounds,
        max_deciding=limits.max_deciding,
        max_body_bytes_held=max(
            limits.max_body_bytes_held, config.http.max_body_bytes, config.grpc.max_message_bytes
        ),
    )


async def _connections(stack: contextlib.AsyncExitStack, redact: Redactor) -> Connect:
    """Makes the upstreams of a table, whose keys are kept out of the log from then on."""
    session = await stack.enter_async_context(connectors.open_session())
    built = connectors.Connectors(session, overlay=overlay)

    def connect(table: Table) -> list[Upstream]:
        redact.add(_upstream_keys(table))
        by_id = built.of(table.providers)
        return [Upstream(provider, by_id[provider.id]) for provider in table.providers]

    return connect


async def _start_faces(
    stack: contextlib.AsyncExitStack,
    config: ServiceConfig,
    orchestrator: Orchestrator,
    operations: Operations,
    keys: Keys,
    metrics: Metrics,
) -> tuple[int, int]:
    """Both faces listening; they stop side by side, so neither eats up the other's time."""
    drain_s = config.limits.drain_timeout_s
    limits = HttpLimits(max_body_bytes=config.http.max_body_bytes)
    app = create_http_app(orchestrator, keys=keys, registry=metrics.registry, limits=limits)
    http = await start_http(app, config.http.host, config.http.port, drain_timeout_s=drain_s)
    try:
        grpc = create_grpc_server(orchestrator, operations, keys=keys, config=config)
        grpc_port = bind(grpc, config.grpc.host, config.grpc.port)
        await grpc.start()
    except BaseException:
        await http.stop()
        raise

    async def stop() -> None:
        await asyncio.gather(grpc.stop(drain_s), http.stop())

    stack.push_async_callback(stop)
    return grpc_port, http.port


def _background(
    router: Router, upstreams: Upstreams, operations: Operations, config: ServiceConfig
) -> Iterator[Coroutine[None, None, None]]:
    """What goes on outside of requests, for as long as the service runs."""
    polling = config.polling
    yield _tick(router)
    if config.reload.on_change:
        yield keep_watching(operations)
    yield keep_learning(router, upstreams)
    if polling.load_interval_s:
        yield SignalPolling(
            router,
            upstreams,
            interval_s=polling.load_interval_s,
            timeout_s=lambda: router.table.warm_check_timeout_us / 1e6,
        ).run()
    if polling.health_interval_s:
        yield keep_probing(router, upstreams, interval_s=polling.health_interval_s)


async def _tick(router: Router) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        router.tick(now_us())


def _tell_if_failed(metrics: Metrics, task: asyncio.Task[None]) -> None:
    """Background work does not raise; were it to, nobody else would notice that it is not done."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        metrics.internal_error("background")
        logger.error("background work ended", exc_info=fault)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _shut_tracing(tracing: Tracing) -> None:
    await asyncio.to_thread(tracing.shutdown)


def _base_urls(upstreams: Upstreams) -> BaseUrl:
    def base_url(provider_id: str) -> str | None:
        try:
            return upstreams.provider(provider_id).base_url
        except KeyError:
            return None

    return base_url


def _upstream_keys(table: Table) -> Iterator[str]:
    for provider in table.providers:
        if key := read_credential(provider.credential, os.environ).key:
            yield key


def _on_signals(stop: asyncio.Event, service: Service, reloads: asyncio.TaskGroup) -> None:
    loop = asyncio.get_running_loop()

    def first_signal() -> None:
        # A second one ends the process at once: somebody who asks twice means it.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, first_signal)

    def hang_up() -> None:
        for log in (service.access_log, service.decision_log):
            if log is not None:
                log.reopen()
        reloads.create_task(service.operations.reload_on_signal())

    loop.add_signal_handler(signal.SIGHUP, hang_up)
