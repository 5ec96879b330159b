"""Discord's REST API over a real socket, as little of it as an answer to one interaction needs; it notes what it gets."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

APP_ID, BOT_ID, GUILD_ID, CHANNEL_ID, ANN_ID, BEN_ID = 1000, 1000, 7, 70, 1, 2
CALLBACK = "/interactions/*/callback"
ORIGINAL = "/webhooks/*/messages/@original"
FOLLOWUP = "/webhooks/*/*"


@dataclass
class Call:
    method: str
    path: str
    body: Any
    files: dict[str, bytes]


@dataclass
class Fault:
    method: str
    path: str
    status: int
    code: int


def user(user_id: int, *, bot: bool = False) -> dict[str, Any]:
    return {"id": str(user_id), "username": f"user{user_id}", "discriminator": "0", "avatar": None, "bot": bot}


def message(
    message_id: int = 900, *, content: str = "", components: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "id": str(message_id),
        "channel_id": str(CHANNEL_ID),
        "author": user(BOT_ID, bot=True),
        "content": content,
        "timestamp": "2026-08-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        "components": components or [],
        **more,
    }


@dataclass
class Desk:
    """What was sent, and what is answered."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    members: dict[int, dict[str, Any]] = field(default_factory=dict)
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is answered to GET, by path."""
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def open(cls):
        desk = cls()
        app = web.Application()
        app.router.add_route("*", "/api/v10{path:.*}", desk._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
        try:
            yield desk
        finally:
            await runner.cleanup()

    def fail(self, method: str, path: str, status: int, code: int) -> None:
        """Answer the next such call with an error."""
        self.faults.append(Fault(method, path, status, code))

    def sent(self, method: str, path: str) -> list[Call]:
        return [call for call in self.calls if call.method == method and fnmatch.fnmatch(call.path, path)]

    async def wait_for(self, method: str, path: str, count: int = 1) -> Call:
        """The `count`-th such call, as soon as it has arrived."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: len(self.sent(method, path)) >= count), 60)
        return self.sent(method, path)[count - 1]

    async def _answer(self, request: web.Request) -> web.Response:
        body, files = await self._read(request)
        path = request.match_info["path"]
        async with self._arrived:
            self.calls.append(Call(request.method, path, body, files))
            self._arrived.notify_all()
        for fault in self.faults:
            if fault.method == request.method and fnmatch.fnmatch(path, fault.path):
                self.faults.remove(fault)
                return _json({"code": fault.code, "message": "fault"}, fault.status)
        is_stored = request.method == "GET" and path in self.stored
        status, answer = (200, self.stored[path]) if is_stored else self._reply(request.method, path, body)
        return web.Response(status=status) if answer is None else _json(answer, status)

    async def _read(self, request: web.Request) -> tuple[Any, dict[str, bytes]]:
        if request.content_type == "multipart/form-data":
            form = await request.post()
            files = {part.filename: part.file.read() for part in form.values() if isinstance(part, web.FileField)}
            return json.loads(form["payload_json"]), files
        raw = await request.read()
        return (json.loads(raw) if raw else None), {}

    def _reply(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if fnmatch.fnmatch(path, CALLBACK):
            return 200, {"interaction": {"id": "5", "type": 2, "response_message_id": "900"}}
        if path == "/users/@me":
            return 200, user(BOT_ID, bot=True)
        if path == "/oauth2/applications/@me":
            return 200, {
                "id": str(APP_ID),
                "name": "imagine",
                "description": "",
                "icon": None,
                "summary": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "",
                "flags": 0,
                "owner": user(3),
            }
        if path == f"/applications/{APP_ID}/commands":
            if method == "PUT":
                self.commands = [
                    {"id": str(50 + number), "application_id": str(APP_ID), "version": "1", **self._as_kept(command)}
                    for number, command in enumerate(body)
                ]
            return 200, self.commands
        if path == "/gateway":
            return 200, {"url": self.url.replace("http", "ws").replace("/api/v10", "/gateway")}
        member = self.members.get(int(path.rpartition("/")[2])) if "/members/" in path else None
        return (204, None) if method == "DELETE" else (200, member or message())

    @staticmethod
    def _as_kept(command: dict[str, Any]) -> dict[str, Any]:
        """As Discord gives a command back: permissions as text, what says nothing left out or null."""
        permissions = command.get("default_member_permissions")
        kept = {key: value for key, value in command.items() if value not in (None, [])}
        return (
            {"description": ""}
            | kept
            | {
                "default_member_permissions": None if permissions is None else str(permissions),
                "name_localizations": None,
                "description_localizations": None,
            }
        )


def _json(answer: Any, status: int) -> web.Response:
    """discord.py reads JSON only where the type has no charset."""
    return web.Response(body=json.dumps(answer).encode(), status=status, content_type="application/json")


def interaction_payload(
    kind: int,
    data: dict[str, Any],
    *,
    user_id: int = ANN_ID,
    guild_id: int | None = GUILD_ID,
    permissions: int = 0,
    on_message: dict[str, Any] | None = None,
    interaction_id: int = 5,
    **more: Any,
) -> dict[str, Any]:
    payload = {
        "id": str(interaction_id),
        "application_id": str(APP_ID),
        "type": kind,
        "token": f"token-{interaction_id}",
        "version": 1,
        "data": data,
        "locale": "en-US",
        "attachment_size_limit": 10 * 2**20,
        "app_permissions": str(2**40 - 1),
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(guild_id or 0)},
        "context": 0 if guild_id else 1,
        "channel": {
            "id": str(CHANNEL_ID),
            "type": 0 if guild_id else 1,
            "name": "art",
            "position": 0,
            "recipients": [],
        },
    }
    if guild_id is None:
        payload["user"] = user(user_id)
    else:
        payload["guild_id"] = str(guild_id)
        payload["guild"] = {"id": str(guild_id), "locale": "en-US", "features": []}
        payload["member"] = {
            "user": user(user_id),
            "roles": [],
            "joined_at": "2026-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "permissions": str(permissions),
        }
    if on_message is not None:
        payload["message"] = on_message
    return payload | more


def command_payload(name: str, options: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return interaction_payload(2, {"id": "50", "name": name, "type": 1, "options": options or []}, **more)


def press_payload(custom_id: str, **more: Any) -> dict[str, Any]:
    button = {"type": 2, "style": 2, "label": "x", "custom_id": custom_id, "id": 2}
    under = message(800, components=[{"type": 1, "id": 1, "components": [button]}])
    return interaction_payload(3, {"custom_id": custom_id, "component_type": 2, "id": 2}, on_message=under, **more)


def form_payload(custom_id: str, values: dict[str, str], **more: Any) -> dict[str, Any]:
    components = [
        {"type": 18, "id": number, "component": {"type": 4, "id": 10 + number, "custom_id": key, "value": value}}
        for number, (key, value) in enumerate(values.items())
    ]
    return interaction_payload(5, {"custom_id": custom_id, "components": components}, **more)
