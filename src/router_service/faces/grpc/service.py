"""RouterService: each call checked, handed to the request service, and answered. What stands around
every method is in answering."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from router_service.core import Decision
from router_service.errors import InvalidRequest
from router_service.faces.auth import Keys
from router_service.faces.grpc import body, limits, replies, requests
from router_service.faces.grpc.answering import answering, entering, ours_to_answer
from router_service.faces.grpc.caller import Caller, Context
from router_service.faces.grpc.draining import unless_draining
from router_service.faces.grpc.early import EarlyReading
from router_service.faces.grpc.errors import failure_of, item_error
from router_service.faces.grpc.readable import refuse_unreadable
from router_service.faces.grpc.sending import write
from router_service.serving.ports import RequestService
from router_service.types import Answer, RouteQuery, Work
from router_service.v1 import router_pb2, router_pb2_grpc


class RouterService(router_pb2_grpc.RouterServiceServicer):
    """The servicer. Method names are the RPCs'; their contract is in proto/."""

    def __init__(self, requests: RequestService, keys: Keys, write_timeout_s: float) -> None:
        self.keys = keys
        self.early = EarlyReading()
        self._write_timeout_s = write_timeout_s
        self.requests = requests
        self._write = replies.DecisionWriter(requests)

    @entering(Work.DECIDE)
    async def Route(  # noqa: N802
        self, request: router_pb2.RouteRequest, caller: Caller, _context: Context
    ) -> router_pb2.RouteResponse:
        decision = await self.requests.decide(requests.route_query(request, caller))
        response = router_pb2.RouteResponse()
        self._write.decision(
            decision, response.decision, with_candidates=request.include_candidates
        )
        return response

    @entering(Work.DECIDE)
    async def RouteBatch(  # noqa: N802
        self, request: router_pb2.RouteBatchRequest, caller: Caller, _context: Context
    ) -> router_pb2.RouteBatchResponse:
        if not request.requests:
            raise InvalidRequest("requests: empty; send at least one request", "requests")
        limits.count(len(request.requests), limits.MAX_BATCH, "requests")
        read = [_query_or_error(item, caller) for item in request.requests]
        queries = [item for item in read if isinstance(item, RouteQuery)]
        decided = iter(await self.requests.decide_many(queries) if queries else ())
        outcomes = (next(decided) if isinstance(item, RouteQuery) else item for item in read)
        response = router_pb2.RouteBatchResponse()
        for outcome, item in zip(outcomes, request.requests, strict=True):
            self._result(outcome, item, caller, response.results.add())
        return response

    @entering(Work.DECIDE_STREAM)
    async def RouteStream(  # noqa: N802
        self,
        items: AsyncIterator[router_pb2.RouteStreamRequest],
        caller: Caller,
        context: Context,
    ) -> None:
        await unless_draining(
            self._route_each(items, caller, context),
            self.requests.ready,
            "this router is stopping; open the stream again elsewhere or later",
        )

    async def _route_each(
        self,
        items: AsyncIterator[router_pb2.RouteStreamRequest],
        caller: Caller,
        context: Context,
    ) -> None:
        async for item in items:
            refuse_unreadable(item)
            correlation_id = limits.name(item.correlation_id, "correlation_id")
            outcome = await self._decide(item.route, caller)
            response = router_pb2.RouteStreamResponse(correlation_id=correlation_id)
            self._result(outcome, item.route, caller, response.result)
            await write(context, response, self._write_timeout_s)

    async def _decide(
        self, request: router_pb2.RouteRequest, caller: Caller
    ) -> Decision | BaseException:
        try:
            return await self.requests.decide(requests.route_query(request, caller))
        except BaseException as error:
            if not ours_to_answer(error):
                raise
            return error

    def _result(
        self,
        outcome: Decision | BaseException,
        request: router_pb2.RouteRequest,
        caller: Caller,
        result: router_pb2.RouteResult,
    ) -> None:
        """Writes what became of one request of many."""
        if isinstance(outcome, BaseException):
            result.error.CopyFrom(item_error(failure_of(outcome, caller.request_id)))
            return
        self._write.decision(outcome, result.decision, with_candidates=request.include_candidates)

    @entering(Work.DECIDE)
    async def Explain(  # noqa: N802
        self, request: router_pb2.ExplainRequest, caller: Caller, _context: Context
    ) -> router_pb2.ExplainResponse:
        document = await self.requests.explain(requests.route_query(request.route, caller))
        return self._write.explanation(document)

    @answering
    async def ReportOutcome(  # noqa: N802
        self, request: router_pb2.ReportOutcomeRequest, _caller: Caller, _context: Context
    ) -> router_pb2.ReportOutcomeResponse:
        permit, outcome = requests.reported(request)
        did = self.requests.report(permit, outcome)
        return router_pb2.ReportOutcomeResponse(status=replies.REPORT_STATUSES[did])

    @answering
    async def ReportFeedback(  # noqa: N802
        self, request: router_pb2.ReportFeedbackRequest, _caller: Caller, _context: Context
    ) -> router_pb2.ReportFeedbackResponse:
        decision_id, score = requests.judged(request)
        did = self.requests.feedback(decision_id, score)
        return router_pb2.ReportFeedbackResponse(status=replies.REPORT_STATUSES[did])

    @entering(Work.CARRY_OUT)
    async def Generate(  # noqa: N802
        self, request: router_pb2.GenerateRequest, caller: Caller, _context: Context
    ) -> router_pb2.GenerateResponse:
        answer = await self.requests.open(body.incoming(request, caller, stream=False))
        if not isinstance(answer, Answer):
            await answer.aclose()
            raise TypeError("a stream came back where a whole answer was asked for")
        return replies.answer(answer)

    @entering(Work.CARRY_OUT)
    async def GenerateStream(  # noqa: N802
        self, request: router_pb2.GenerateStreamRequest, caller: Caller, context: Context
    ) -> None:
        stream = await self.requests.open(body.incoming(request.generate, caller, stream=True))
        if isinstance(stream, Answer):
            raise TypeError("a whole answer came back where a stream was asked for")
        # Closed here and now, so that a caller who leaves stops the provider at once.
        async with aclosing(stream):
            async for item in stream:
                await write(context, replies.event(item), self._write_timeout_s)


def _query_or_error(
    request: router_pb2.RouteRequest, caller: Caller
) -> RouteQuery | InvalidRequest:
    try:
        return requests.route_query(request, caller)
    except InvalidRequest as error:
        return error
