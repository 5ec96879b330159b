"""
The control API, by which the page (and tests in other processes) act as members: `POST /_ctl/<op>`, and `/events`.

Every op takes `user` and `channel` beside its own keys and answers JSON; what is not possible is a 400 with
`{"error": sentence}`. The keys of an op are the parameters of the playground's method that it calls.
Ops about somebody else name them as `member`, and their server as `server` (by name or id): remove, join, ban, unban,
time_out, give_role and take_role. What is done to a channel is done to `channel`: overwrite, slow_mode, purge,
delete_channel; to a server, remove_bot, invite_bot, change_role, rules and rule (its Integrations page). The page may
do all of these whoever it acts as.
With `quiet` in its body the status is 200 all the same.
Server-sent events carry one JSON object each: hello, bye, message_create, message_update, message_delete, typing,
commands, connected, interaction, world.
"""

import asyncio
import contextlib
import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.playground.errors import ApiError, Json, NotPossible

if TYPE_CHECKING:
    from bot.playground.server import Playground

TOLD_TO_THE_PAGE = {
    "hello", "bye",
    "message_create", "message_update", "message_delete", "typing", "commands", "connected", "interaction", "world",
}  # fmt: skip
PING_S = 15.0
GOODBYE = b'data: {"type": "bye"}\n\n'


class Control:
    """Hands each op to the playground's method of the same meaning."""

    def __init__(self, playground: "Playground") -> None:
        self._playground = playground
        self._streams: set[asyncio.Queue[Json]] = set()
        self._ops: dict[str, Callable[..., Any]] = {
            "info": playground.info,
            "requests": self._requests,
            "commands": playground.commands,
            "messages": playground.messages,
            "type": playground.type,
            "command": playground.command,
            "menu": playground.menu,
            "autocomplete": playground.autocomplete,
            "click": playground.click,
            "select": playground.select,
            "modal": playground.modal,
            "say": playground.say,
            "delete": self._delete,
            "remove": playground.remove_member,
            "join": self._join,
            "ban": playground.ban,
            "unban": playground.unban,
            "time_out": playground.time_out,
            "give_role": playground.give_role,
            "take_role": playground.take_role,
            "change_role": playground.change_role,
            "remove_bot": playground.remove_bot,
            "invite_bot": playground.invite_bot,
            "overwrite": playground.overwrite,
            "slow_mode": playground.set_slow_mode,
            "purge": playground.purge,
            "delete_channel": self._delete_channel,
            "rules": self._rules,
            "rule": playground.rule_command,
            "gateway": self._gateway,
            "set": self._set,
            "faults": self._faults,
        }

    def add_to(self, app: web.Application) -> None:
        """Register all routes."""
        app.router.add_post("/_ctl/{op}", self.serve)
        app.router.add_get("/_ctl/info", self.serve_info)
        app.router.add_get("/events", self.stream)
        app.on_shutdown.append(self._end_streams)

    async def serve_info(self, _request: web.Request) -> web.Response:
        """Who and what is here."""
        return web.json_response(self._playground.info())

    async def serve(self, request: web.Request) -> web.Response:
        """One op."""
        if request.content_type != "application/json":
            return _refused("the body must be application/json", 415)
        name = request.match_info["op"]
        if name not in self._ops:
            return _refused(f"there is no op {name}", 404)
        refused_status = 400
        try:
            facts = await request.json()
            if not isinstance(facts, dict):
                return _refused("the body must be a JSON object")
            if facts.get("quiet"):  # browsers write every 4xx into the console
                refused_status = 200
            answer = _call(self._ops[name], facts)
            answer = await answer if inspect.isawaitable(answer) else answer
            return web.json_response({} if answer is None else answer)
        except json.JSONDecodeError:
            return _refused("the body must be JSON")
        except (NotPossible, ApiError, TypeError, ValueError) as exc:
            return _refused(exc.body["message"] if isinstance(exc, ApiError) else str(exc), refused_status)

    def _requests(self) -> list[Json]:
        return [dataclasses.asdict(request) for request in self._playground.requests]

    def _delete(self, message: str, user: str = "ann") -> Json:
        self._playground.delete_message(message, user=user)
        return {}

    def _join(self, member: str, server: str) -> None:
        self._playground.join(member, server=server)

    def _delete_channel(self, channel: str) -> None:
        self._playground.delete_channel(channel)

    def _rules(self, server: str) -> list[Json]:
        return self._playground.command_rules(server)

    async def _gateway(self, what: str, code: int | None = None) -> Json:
        return {"sessions": await self._playground.gateway(what, code=code)}

    def _faults(self, clear: bool = False, **fault: Any) -> Json:
        if clear:
            self._playground.clear_faults()
        if fault:
            self._playground.fault(**fault)
        return {"armed": self._playground.armed_faults}

    def _set(self, advance_s: float = 0.0, **changes: Any) -> Json:
        limits = self._playground.limits
        for key, value in changes.items():
            if key not in {field.name for field in dataclasses.fields(limits)}:
                raise NotPossible(f"there is no limit {key}")
            if not (value is None and key == "old_edits"):
                kind = bool if key == "rate_limits" else float if key.endswith("_s") else int
                if isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, kind)) or value < 0:
                    raise NotPossible(f"{key} must be {kind.__name__} and not negative, got {value!r}")
            setattr(limits, key, value)
        self._playground.advance(advance_s)
        return {}

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Everything that happens, for as long as the page is open."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        events: asyncio.Queue[Json] = asyncio.Queue()
        events.put_nowait({"type": "hello"})
        self._streams.add(events)
        try:
            with self._playground.listening(events.put_nowait), contextlib.suppress(ConnectionError):
                line = b""
                while line != GOODBYE:
                    line = await _next_line(events)
                    await response.write(line)
        finally:
            self._streams.discard(events)
        return response

    async def _end_streams(self, _app: web.Application) -> None:
        """Say goodbye, so that no browser complains about a broken line."""
        for events in self._streams:
            events.put_nowait({"type": "bye"})


def _call(op: Callable[..., Any], facts: Json) -> Any:
    """Call an op with those facts that it takes; who acts and where may always be given."""
    parameters = inspect.signature(op).parameters
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    given = {
        key: value
        for key, value in facts.items()
        if key in parameters or (takes_all and key not in ("user", "channel"))
    }
    for name, parameter in parameters.items():
        is_optional = parameter.kind is inspect.Parameter.VAR_KEYWORD or parameter.default is not parameter.empty
        if not is_optional and name not in given:
            raise NotPossible(f"{name} is missing")
    return op(**given)


async def _next_line(events: asyncio.Queue[Json]) -> bytes:
    try:
        async with asyncio.timeout(PING_S):
            while (event := await events.get())["type"] not in TOLD_TO_THE_PAGE:
                pass
    except TimeoutError:
        return b": ping\n\n"
    return f"data: {json.dumps(event)}\n\n".encode()


def _refused(sentence: str, status: int = 400) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
