"""The gateway: identify, heartbeat, resume, and events to every session that asked for them."""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from aiohttp import WSMsgType, web

from bot.playground.errors import Json
from bot.playground.feed import Dispatch, Feed, Intent
from bot.playground.limits import Limits
from bot.playground.world import Guild, World

HEARTBEAT_INTERVAL_MS, MAX_PAYLOAD_BYTES, REPLAYED_EVENTS = 41_250, 4096, 500
ACK_AFTER_S = 0.02
PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
PRIVATE_CONTENT: Json = {"content": "", "embeds": [], "attachments": [], "components": []}


class Op(IntEnum):
    """Discord's gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE_UPDATE = 3
    VOICE_STATE_UPDATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Close(IntEnum):
    """Discord's gateway close codes, and the websocket's own that end a session."""

    NORMAL = 1000
    GOING_AWAY = 1001
    UNKNOWN_ERROR = 4000
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    DISALLOWED_INTENTS = 4014


def payload(op: Op, data: object, *, name: str | None = None, sequence: int | None = None) -> str:
    """A gateway payload as text, so that what changes later does not change what was sent."""
    return json.dumps({"op": op, "d": data, "t": name, "s": sequence})


class Connection:
    """
    One websocket; what is sent leaves in order, and nothing waits for a slow reader.

    `is_dropped` says that this side ended it, so that the other side's farewell does not end the session.
    """

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self.is_dropped = False
        self._transport = transport
        self._outbox: asyncio.Queue[str] = asyncio.Queue()

    def send(self, text: str) -> None:
        """Queue one payload."""
        self._outbox.put_nowait(text)

    async def pump(self) -> None:
        """Send what is queued until the connection ends."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self.socket.send_str(await self._outbox.get())

    def cut(self) -> None:
        """Cut the line without a word, as a router does."""
        if self._transport:
            self._transport.abort()


@dataclass(slots=True)
class Session:
    """A bot's (or shard's) session; it outlives its connection until it is closed properly."""

    session_id: str
    intents: Intent
    shard: tuple[int, int]
    connection: Connection | None
    sequence: int = 0
    sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REPLAYED_EVENTS))

    def emit(self, name: str, data: Json) -> None:
        """Send an event, or keep it for the resume."""
        self.sequence += 1
        text = payload(Op.DISPATCH, data, name=name, sequence=self.sequence)
        self.sent.append((self.sequence, text))
        if self.connection:
            self.connection.send(text)

    def hears(self, event: Dispatch) -> bool:
        """Whether an event belongs to this shard and was asked for."""
        index, count = self.shard
        home = (int(event.guild_id) >> 22) % count if event.guild_id else 0
        return index == home and (not event.intent or bool(event.intent & self.intents))


class Gateway:
    """All sessions of the one bot; a gateway event reaches each session once and in order."""

    def __init__(self, world: World, feed: Feed, limits: Limits, token: str) -> None:
        self._world = world
        self._feed = feed
        self._limits = limits
        self._token = token
        self._sessions: dict[str, Session] = {}
        self.url = ""
        feed.carry(self._dispatch)

    @property
    def is_connected(self) -> bool:
        """Whether every shard of the bot has a live session."""
        live = {session.shard[0] for session in self._sessions.values() if session.connection}
        return len(live) >= self._limits.shards

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One websocket from hello to its end."""
        socket = web.WebSocketResponse(max_msg_size=2 * MAX_PAYLOAD_BYTES)
        await socket.prepare(request)
        connection = Connection(socket, request.transport)
        connection.send(payload(Op.HELLO, {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}))
        pump = asyncio.create_task(connection.pump())
        try:
            await self._listen(connection)
        finally:
            pump.cancel()
            self._part(connection)
        return socket

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            try:
                received = json.loads(message.data) if message.type is WSMsgType.TEXT else None
            except json.JSONDecodeError:
                received = None
            code: Close | None = Close.DECODE_ERROR
            if isinstance(received, dict) and len(message.data) <= MAX_PAYLOAD_BYTES:
                with contextlib.suppress(KeyError, TypeError, ValueError):
                    code = self._receive(connection, received)
            if code is not None:
                await connection.socket.close(code=code)

    def _receive(self, connection: Connection, received: Json) -> Close | None:
        op: int = received["op"]
        data: Any = received.get("d")
        session = self._session_of(connection)
        if op == Op.HEARTBEAT:
            # discord.py notes a heartbeat's time only after sending it: an answer as fast as loopback looks 41 s late.
            asyncio.get_running_loop().call_later(ACK_AFTER_S, connection.send, payload(Op.HEARTBEAT_ACK, None))
        elif op in (Op.IDENTIFY, Op.RESUME) and session:
            return Close.ALREADY_AUTHENTICATED
        elif op == Op.IDENTIFY:
            return self._identify(connection, data)
        elif op == Op.RESUME:
            self._resume(connection, data)
        elif session is None:
            return Close.NOT_AUTHENTICATED
        elif op == Op.REQUEST_MEMBERS:
            self._send_members(session, data)
        elif op not in (Op.PRESENCE_UPDATE, Op.VOICE_STATE_UPDATE):
            return Close.UNKNOWN_OPCODE
        return None

    def _identify(self, connection: Connection, data: Json) -> Close | None:
        if data["token"] != self._token:
            return Close.AUTHENTICATION_FAILED
        intents = Intent(data["intents"])
        if intents & PRIVILEGED:
            return Close.DISALLOWED_INTENTS
        index, count = data.get("shard") or (0, 1)
        session = Session(secrets.token_hex(16), intents, (index, count), connection)
        self._sessions[session.session_id] = session
        mine = [guild for guild in self._guilds() if (int(guild.guild_id) >> 22) % count == index]
        ready: Json = {
            "v": 10,
            "user": self._world.bot | {"email": None, "verified": True, "mfa_enabled": False},
            "guilds": [{"id": guild.guild_id, "unavailable": True} for guild in mine],
            "session_id": session.session_id,
            "resume_gateway_url": self.url,
            "shard": [index, count],
            "application": {"id": self._world.bot["id"], "flags": 0},
            "session_type": "normal",
            "private_channels": [],
            "presences": [],
            "relationships": [],
        }
        session.emit("READY", ready)
        for guild in mine:
            if Intent.GUILDS in intents:
                session.emit("GUILD_CREATE", self._world.guild_create(guild, [guild.members[self._world.bot["id"]]]))
        self._feed.tell("connected", connected=self.is_connected)
        return None

    def _resume(self, connection: Connection, data: Json) -> None:
        session = self._sessions.get(data["session_id"])
        if session is None or data["token"] != self._token:
            connection.send(payload(Op.INVALID_SESSION, data=False))
            return
        session.connection = connection
        for sequence, text in session.sent:
            if sequence > (data["seq"] or 0):
                connection.send(text)
        session.emit("RESUMED", {})
        self._feed.tell("connected", connected=self.is_connected)

    def _send_members(self, session: Session, data: Json) -> None:
        guild = self._world.guilds[str(data["guild_id"])]
        wanted = [str(user_id) for user_id in data.get("user_ids") or []]
        members = [member for user_id, member in guild.members.items() if not wanted or user_id in wanted]
        chunk = {"guild_id": guild.guild_id, "members": members, "chunk_index": 0, "chunk_count": 1}
        session.emit("GUILD_MEMBERS_CHUNK", chunk | {"nonce": data.get("nonce")})

    def _part(self, connection: Connection) -> None:
        session = self._session_of(connection)
        if session is None:
            return
        session.connection = None
        if not connection.is_dropped and connection.socket.close_code in (Close.NORMAL, Close.GOING_AWAY):
            del self._sessions[session.session_id]
        self._feed.tell("connected", connected=self.is_connected)

    def _session_of(self, connection: Connection) -> Session | None:
        return next((each for each in self._sessions.values() if each.connection is connection), None)

    def _dispatch(self, event: Dispatch) -> None:
        for session in self._sessions.values():
            if session.hears(event):
                session.emit(event.name, self._visible(event))

    def _visible(self, event: Dispatch) -> Json:
        """Without the privileged intent a bot reads only its own messages, those that name it, and direct ones."""
        bot_id = self._world.bot["id"]
        if event.intent != Intent.GUILD_MESSAGES or "author" not in event.data or event.data["author"]["id"] == bot_id:
            return event.data
        is_named = any(user["id"] == bot_id for user in event.data["mentions"])
        return event.data if is_named else event.data | PRIVATE_CONTENT

    def _guilds(self) -> list[Guild]:
        return [guild for guild in self._world.guilds.values() if self._world.bot["id"] in guild.members]

    def ask_to_reconnect(self) -> int:
        """Tell every session to reconnect and resume; how many there were."""
        connections = self._connections()
        for connection in connections:
            connection.send(payload(Op.RECONNECT, None))
        return len(connections)

    def invalidate(self) -> int:
        """End every session, so that the bot must identify anew; how many there were."""
        connections = self._connections()
        self._sessions.clear()
        for connection in connections:
            connection.send(payload(Op.INVALID_SESSION, data=False))
        self._feed.tell("connected", connected=False)
        return len(connections)

    async def drop(self, code: int | None) -> int:
        """Close every line with a code, or cut it without a word where there is none; how many there were."""
        connections = self._connections()
        for connection in connections:
            connection.is_dropped = True
            if code is None:
                connection.cut()
            else:
                await connection.socket.close(code=code)
        return len(connections)

    def _connections(self) -> list[Connection]:
        return [session.connection for session in self._sessions.values() if session.connection]
