"""Discord's REST API on aiohttp: tokens, rate limits, faults, bodies and the log around each route."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from bot.playground.attachments import Upload
from bot.playground.errors import ApiError, Json, refusal
from bot.playground.faults import Fault
from bot.playground.interactions import Interaction
from bot.playground.routes import Answer, Call, Handler, Routes, not_found
from bot.playground.service import Service

if TYPE_CHECKING:
    from bot.playground.openapi import Document

BASE = "/api/v10"
USER_AGENTS = ("DiscordBot", "Python/")
COUNTED_AS_INVALID, INVALID_WINDOW_S = (401, 403, 429), 600.0


@dataclass(slots=True)
class Request:
    """One request of the bot, as the log keeps it; `status` is 0 where the line was cut."""

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    by: str | None
    interaction_id: str | None
    since_interaction_s: float | None
    status: int = 0
    body: Any = None
    files: list[tuple[str, int]] = field(default_factory=list)
    answer: Json | None = None
    lost: bool = False


class LineCut(Exception):
    """The connection ends without an answer."""


class Rest:
    """
    Answers every request under the base path.

    `spec_errors` is what Discord's document finds wrong with the bot's bodies, `own_errors` with answers given here.
    """

    def __init__(self, service: Service, document: "Document | None") -> None:
        self._service = service
        self._document = document
        self._invalid: deque[float] = deque()
        self.requests: list[Request] = []
        self.spec_errors: list[str] = []
        self.own_errors: list[str] = []

    def add_to(self, app: web.Application) -> None:
        """Register all routes."""
        for method, path, handler in Routes(self._service).table():
            app.router.add_route(method, BASE + path, self._serving(handler))
        app.router.add_route("*", "/api/{rest:.*}", self._serving(not_found))

    def invalid_requests(self) -> int:
        """How many of the last ten minutes' requests count towards Discord's ban for invalid ones."""
        while self._invalid and self._invalid[0] < self._service.clock.now() - INVALID_WINDOW_S:
            self._invalid.popleft()
        return len(self._invalid)

    def _serving(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serving(request: web.Request) -> web.Response:
            return await self.serve(request, handler)

        return serving

    async def serve(self, request: web.Request, handler: Handler) -> web.Response:
        """One request from its token to its line in the log."""
        path = request.path.removeprefix(BASE)
        record = self._record(request, path)
        headers = {"Via": "1.1 playground"}
        answer: Answer = None
        try:
            answer = await self._answered(request, handler, record, headers)
            record.status = 200 if answer is not None else 204
            self._check_answer(record, answer)
        except ApiError as error:
            record.status, record.answer, answer = error.status, error.body, error.body
            if "retry_after" in error.body:
                headers["Retry-After"] = str(error.body["retry_after"])
                headers["X-RateLimit-Scope"] = "global" if error.body.get("global") else "user"
        except LineCut:
            if request.transport:
                request.transport.abort()
        finally:
            self._log(record)
        if answer is None:
            return web.Response(status=record.status or 204, headers=headers)
        # Exactly this type: discord.py does not parse "application/json; charset=utf-8".
        headers["Content-Type"] = "application/json"
        return web.Response(body=json.dumps(answer).encode(), status=record.status, headers=headers)

    async def _answered(
        self, request: web.Request, handler: Handler, record: Request, headers: dict[str, str]
    ) -> Answer:
        fault = self._service.faults.meet(record.method, record.path)
        self._check_sender(request, record)
        headers |= self._service.rate_limits.admit(record.method, record.path, by_token=record.by == "interaction")
        body, files = await self._body(request)
        record.body, record.files = body, [(upload.filename, len(upload.data)) for upload in files.values()]
        if fault and not fault.after_effect:
            await _suffer(fault)
        if self._document and body is not None:
            errors = self._document.request_errors(record.method, record.path, body)
            self.spec_errors += [f"{record.method} {record.path}: {error}" for error in errors]
        try:
            answer = handler(Call(request.match_info, request.query, body, files))
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            # A body of the wrong form: Discord would name each field, the OpenAPI document does it better than this.
            raise ApiError(400, 50035, f"Invalid Form Body ({exc!r})") from exc
        if fault and fault.after_effect:
            record.lost = fault.cut or fault.status is not None
            await _suffer(fault)
        return answer

    def _record(self, request: web.Request, path: str) -> Request:
        interaction = self._interaction(path)
        is_tokened = "token" in request.match_info
        is_bot = request.headers.get("Authorization") == f"Bot {self._service.token}"
        return Request(
            at=self._service.clock.now(),
            method=request.method,
            path=path,
            query=dict(request.query),
            by="interaction" if is_tokened else "bot" if is_bot else None,
            interaction_id=interaction.interaction_id if interaction else None,
            since_interaction_s=self._service.interactions.age_s(interaction) if interaction else None,
        )

    def _interaction(self, path: str) -> Interaction | None:
        parts = path.split("/")
        is_tokened = len(parts) > 3 and parts[1] in ("interactions", "webhooks")  # noqa: PLR2004  /webhooks/app/token
        return self._service.interactions.by_token.get(parts[3]) if is_tokened else None

    def _check_sender(self, request: web.Request, record: Request) -> None:
        if not request.headers.get("User-Agent", "").startswith(USER_AGENTS):
            raise refusal(40333)
        if record.by is None and record.path != "/gateway":
            raise ApiError(401, 0, "401: Unauthorized")

    async def _body(self, request: web.Request) -> tuple[Any, dict[str, Upload]]:
        limit = self._service.limits.request_limit_bytes
        if (request.content_length or 0) > limit:
            await _drain(request)
            raise refusal(40005)
        if request.content_type.startswith("multipart/"):
            return await _multipart(request, limit)
        raw = await request.read()
        return (_parsed(raw) if raw else None), {}

    def _check_answer(self, record: Request, answer: Answer) -> None:
        if self._document:
            copied = json.loads(json.dumps(answer))
            self.own_errors += self._document.answer_errors(record.method, record.path, record.status, copied)

    def _log(self, record: Request) -> None:
        self.requests.append(record)
        if record.status in COUNTED_AS_INVALID:
            self._invalid.append(record.at)
        self._service.feed.tell("request", method=record.method, path=record.path)


async def _suffer(fault: Fault) -> None:
    await asyncio.sleep(fault.delay_s)
    if fault.cut:
        raise LineCut
    if error := fault.error():
        raise error


async def _drain(request: web.Request) -> None:
    """Read a body that is not wanted, so that the sender hears the refusal instead of a broken line."""
    with contextlib.suppress(ConnectionError):
        async for _ in request.content.iter_any():
            pass


async def _multipart(request: web.Request, limit_bytes: int) -> tuple[Any, dict[str, Upload]]:
    """The JSON part (or the plain fields) and the files by their number."""
    body: Any = None
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    size = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise refusal(50109)
        data, name = bytes(await part.read(decode=True)), part.name or ""
        size += len(data)
        if name == "payload_json":
            body = _parsed(data)
        elif name.startswith("files["):
            files[name[6:-1]] = Upload(part.filename or "file", data)
        else:
            fields[name] = data.decode()
    if size > limit_bytes:
        raise refusal(40005)
    return (fields if body is None else body), files


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as exc:
        raise refusal(50109) from exc
