"""The front door: Connexion's place for middlewares, with the contract compiled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import structlog
from connexion.middleware.abstract import SpecMiddleware
from connexion.resolver import Resolver
from connexion.spec import Specification

from writ.contract.body import MULTIPART
from writ.contract.errors import Refusal
from writ.contract.operation import ContractFault, Operation, compile_operations
from writ.contract.routing import Endpoint, Router
from writ.gateway import dispatch
from writ.gateway.aliases import aliased_path
from writ.gateway.call import Call
from writ.gateway.reading import (
    ClientGone,
    brings_body,
    declared_length,
    is_multipart,
    read_bounded,
    read_headers,
    read_multipart,
    spool,
)
from writ.gateway.record import record
from writ.gateway.reply import Reply, WrongAnswer, check, render_refusal, render_refusal_of
from writ.gateway.services import Services
from writ.gateway.threads import Threads
from writ.gateway.trace import Trace

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Found = tuple[Endpoint[Operation], tuple[str, ...]]

log = structlog.get_logger(__name__)

CLIENT_GONE = 499
"""The status in the log of a request whose client hung up before it was complete; nothing was answered."""


class Gateway(SpecMiddleware):  # type: ignore[misc]
    """Serves every operation of the contract; anything outside its base path goes on to `app`."""

    def __init__(self, app: App, *, services: Services) -> None:
        self.app = app
        self.services = services
        self.router: Router[Operation] = Router()
        self.base_path = ""
        self.lower = False
        settings = services.settings
        self._threads = Threads(settings.server_threads)
        self._check_answers = settings.check_answers
        self._body_limit = settings.body_max_bytes

    def add_api(self, specification: Specification, **options: Any) -> None:
        """Compile the contract; called by Connexion when it builds its stack.

        Raises:
            ContractFault: the contract cannot be served.
        """
        document: dict[str, Any] = specification.raw
        self.base_path = options.get("base_path") or specification.base_path
        self.lower = document.get("x-error-case") == "lower"
        resolver = options.get("resolver") or Resolver()
        for operation in compile_operations(
            document, self.base_path, resolver.resolve_function_from_operation_id
        ):
            try:
                self.router.add(operation.path, operation.method, operation)
            except ValueError as error:
                raise ContractFault(f"{error}; keep one of the two in the contract") from None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace = Trace(scope)
        path = trace.path
        found = self.router.find(path)
        aliased = None if found is not None else aliased_path(path, self.base_path)
        if aliased is not None:
            found = self.router.find(aliased)
        status = CLIENT_GONE
        try:
            if (
                found is None
                and aliased is None
                and not (path.startswith(self.base_path + "/") or path == self.base_path)
            ):
                status, trace.request_id = await self._outside(scope, receive, send, trace.request_id)
                return
            try:
                reply = await self._answer(found, scope, receive, trace)
            except ClientGone:
                self.services.recorder.record(trace, CLIENT_GONE, None, 0)
                return
            reply = await self._recorded(trace, reply)
            status = reply.status
            reply.headers.extend(trace.limits)
            await self._send(reply, trace.method == "HEAD", receive, send)
        finally:
            record(trace, status)

    async def _recorded(self, trace: Trace, reply: Reply) -> Reply:
        if trace.recorded:
            return reply
        try:
            self.services.recorder.record(trace, reply.status, reply.code, len(reply.body))
        except OSError as error:
            # Nothing is answered that is not in the audit log.
            log.error("not_recorded", request_id=trace.request_id, exc_info=error)
            if reply.stream is not None:
                await self._end(reply.stream)
            refusal = Refusal("SERVICE_UNAVAILABLE", "The request cannot be recorded, so it is not answered.")
            return self._refuse(trace, refusal)
        return reply

    async def _outside(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> tuple[int, str]:
        status = 500

        async def tell(message: dict[str, Any]) -> None:
            nonlocal status, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                named = dict(message["headers"]).get(b"x-request-id")
                if named is not None:
                    request_id = named.decode("latin-1")
                else:
                    extra = (b"x-request-id", request_id.encode())
                    message = {**message, "headers": [*message["headers"], extra]}
            await send(message)

        await self.app(scope, receive, tell)
        return status, request_id

    async def _answer(self, found: Found | None, scope: Scope, receive: Receive, trace: Trace) -> Reply:
        try:
            if found is None:
                raise Refusal("NOT_FOUND", "There is nothing at this path; /docs shows what there is.")
            operation = trace.operation = _choose(found[0], trace.method)
            if operation is None:
                reply = _options(found[0], trace.request_id)
            else:
                reply = await self._serve(operation, found[1], scope, receive, trace)
        except ClientGone:
            raise
        except Exception as error:
            reply = self._refuse(trace, error)
        if not trace.limits:
            reply = await self._run(self._as_stranger, trace, reply)
        operation = trace.operation
        if self._check_answers and operation is not None:
            checked = self._checked(operation, reply, trace)
            if checked is not reply and reply.stream is not None:
                await self._end(reply.stream)
            reply = checked
        return reply

    def _refuse(self, trace: Trace, error: Exception) -> Reply:
        refusal = dispatch.as_refusal(error, trace.request_id)
        operation = trace.operation
        if operation is None:
            return render_refusal(refusal, trace.request_id, self.lower)
        return render_refusal_of(operation, refusal, trace.request_id)

    def _as_stranger(self, trace: Trace, reply: Reply) -> Reply:
        try:
            self.services.limiter.admit_stranger(trace)
        except Refusal as refusal:
            return self._refuse(trace, refusal)
        return reply

    async def _serve(
        self, operation: Operation, raw_path: tuple[str, ...], scope: Scope, receive: Receive, trace: Trace
    ) -> Reply:
        call = trace.call = Call(self.services, operation, scope, trace)
        call.headers = read_headers(scope["headers"])
        call.raw_path = raw_path
        call.raw_query = scope.get("query_string", b"")
        body = operation.body
        if body is None:
            call.has_body = await brings_body(call, receive)
            return await self._finish(dispatch.carry, call)
        if body.streamed:
            call.has_body = declared_length(call) != 0
            await self._run(dispatch.before_body, call)
            if call.media is None:
                return await self._finish(dispatch.carry_on, call)
            if not call.media.streamed:
                call.raw_body = await read_bounded(call, receive, self._body_limit)
                return await self._finish(dispatch.carry_on, call)
            spooled = await spool(call, call.media.media_type, receive, self._run)
            trace.request_bytes = spooled.size
            call.raw_body = spooled if spooled.size else None
            try:
                return await self._finish(dispatch.carry_on, call)
            finally:
                # The handler has moved the file to its place, or it is not wanted.
                await self._run(spooled.path.unlink, True)
        raw = await read_bounded(call, receive, self._body_limit)
        trace.request_bytes = len(raw)
        call.has_body = bool(raw)
        call.raw_body = raw
        if raw and MULTIPART in body.media:
            await self._run(dispatch.before_body, call)
            if is_multipart(call):
                call.raw_body = await read_multipart(call, raw)
            return await self._finish(dispatch.carry_on, call)
        return await self._finish(dispatch.carry, call)

    async def _finish(self, carry: Callable[[Call], Reply], call: Call) -> Reply:
        reply: Reply = await self._run(_carry_and_render, carry, call)
        return reply

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await self._threads.run(function, *arguments)

    def _checked(self, operation: Operation, reply: Reply, trace: Trace) -> Reply:
        try:
            check(operation, reply, trace.limits)
        except WrongAnswer as error:
            log.error("wrong_answer", request_id=trace.request_id, fault=str(error))
            wrong = Refusal("INTERNAL_ERROR", f"The answer does not follow the contract: {error}")
            return self._refuse(trace, wrong)
        return reply

    async def _send(self, reply: Reply, head: bool, receive: Receive, send: Send) -> None:
        if reply.stream is None:
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await send({"type": "http.response.body", "body": b"" if head else reply.body})
            return
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            if head:
                await send({"type": "http.response.body", "body": b""})
            else:
                await self._stream(reply.stream, receive, send)
        finally:
            await self._end(reply.stream)

    async def _stream(
        self, stream: Iterator[bytes] | AsyncIterator[bytes], receive: Receive, send: Send
    ) -> None:
        pump = asyncio.create_task(self._pump(stream, send))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pump.cancel()
            gone.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)
        # A stream that broke off must not look complete: the error goes on to the server, which cuts the
        # connection.
        if not pump.cancelled():
            pump.result()

    async def _pump(self, stream: Iterator[bytes] | AsyncIterator[bytes], send: Send) -> None:
        if isinstance(stream, AsyncIterator):
            async for piece in stream:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        else:
            while (block := await self._next(stream)) is not None:
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _next(self, stream: Iterator[bytes]) -> bytes | None:
        step = asyncio.ensure_future(self._run(next, stream, None))
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:
            # A generator that is at work in its thread cannot be closed.
            await asyncio.wait({step})
            raise

    async def _end(self, stream: Iterator[bytes] | AsyncIterator[bytes]) -> None:
        # Files and cursors that the stream holds are given back now, not when the garbage is collected.
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
        elif (close := getattr(stream, "close", None)) is not None:
            await self._run(close)


def _choose(endpoint: Endpoint[Operation], method: str) -> Operation | None:
    operation = endpoint.methods.get(method)
    if operation is None and method == "HEAD":
        operation = endpoint.methods.get("GET")
    if operation is None and method != "OPTIONS":
        raise Refusal(
            "METHOD_NOT_ALLOWED",
            f"This path takes {endpoint.allow}, not {method[:20]}.",
            headers={"Allow": endpoint.allow},
        )
    return operation


def _options(endpoint: Endpoint[Operation], request_id: str) -> Reply:
    headers = [(b"allow", endpoint.allow.encode()), (b"x-request-id", request_id.encode())]
    return Reply(204, headers, b"")


def _carry_and_render(carry: Callable[[Call], Reply], call: Call) -> Reply:
    # Refusals and JSON are rendered by the same thread, so that the event loop only moves bytes.
    try:
        return carry(call)
    except Exception as error:
        refusal = dispatch.as_refusal(error, call.request_id)
        return render_refusal_of(call.operation, refusal, call.request_id)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
