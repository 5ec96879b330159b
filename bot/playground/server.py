"""The playground as a whole: a small Discord on this machine's loopback, for people's browsers and for tests."""

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from bot.playground.control import Control
from bot.playground.errors import Json, PlaygroundError, PortInUse
from bot.playground.furniture import furnish
from bot.playground.limits import Limits
from bot.playground.people import People
from bot.playground.rest import BASE, Request, Rest
from bot.playground.service import Service
from bot.playground.site import Site, keep_strangers_out
from bot.playground.stage import Stage

HOST = "127.0.0.1"
TOKEN = "playground.bot.token"  # noqa: S105  good for this playground only
SHUTDOWN_S = 2.0
MAX_BODY_BYTES = 64 * 1024 * 1024

Found = TypeVar("Found")


class Playground(People, Stage):
    """
    A running playground; build it with `open`.

    One server, Playground, with the channels art and lounge, members ann and ben, the moderator mo and the bot imagine.
    """

    def __init__(self, service: Service, rest: Rest) -> None:
        self._service = service
        self._rest = rest

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        port: int = 0,
        token: str = TOKEN,
        openapi: Path | None = None,
        limits: Limits | None = None,
        is_furnished: bool = False,
    ) -> AsyncIterator["Playground"]:
        """
        Serve a playground on 127.0.0.1 while the block runs.

        Args:
            port: 0 takes a free one.
            is_furnished: with a second server and everything else that `furnish` adds.
            openapi: a copy of Discord's OpenAPI document, by which bodies and answers are then checked.

        Raises:
            PortInUse: something else listens there.
            PlaygroundError: the port cannot be used at all.
        """
        service = Service(token, limits or Limits())
        document = None
        if openapi:
            from bot.playground.openapi import Document

            document = Document(openapi)
        playground = cls(service, Rest(service, document))
        playground._build_world()
        if is_furnished:
            furnish(playground)
        service.clock.start()
        runner = web.AppRunner(playground._app(), access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            try:
                await site.start()
            except (OSError, OverflowError) as exc:
                raise _cannot_listen(port, exc) from exc
            service.settle(f"http://{HOST}:{runner.addresses[0][1]}")
            yield playground
        finally:
            service.interactions.close()
            await service.gateway.drop(1001)
            await runner.cleanup()

    def _build_world(self) -> None:
        world = self._service.world
        guild = world.add_guild("Playground")
        world.add_channel(guild, "art", topic="Type /imagine and what you want to see")
        world.add_channel(guild, "lounge", topic="Anything else")
        world.add_person("ann", guild)
        world.add_person("ben", guild)
        world.add_person("mo", guild, is_moderator=True)

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[keep_strangers_out], client_max_size=MAX_BODY_BYTES)
        self._rest.add_to(app)
        app.router.add_get("/gateway", self._service.gateway.serve)
        app.router.add_get("/gateway/", self._service.gateway.serve)
        Control(self).add_to(app)
        Site(self._service.attachments).add_to(app)
        return app

    @property
    def url(self) -> str:
        """The page's address, without a slash at the end."""
        return self._service.messages.origin

    @property
    def api_url(self) -> str:
        """What `DISCORD_API_URL` must be for a bot that is to live here."""
        return self.url + BASE

    @property
    def token(self) -> str:
        """The bot's token here."""
        return self._service.token

    @property
    def limits(self) -> Limits:
        """The numbers that are enforced; they may be changed at any time."""
        return self._service.limits

    @property
    def requests(self) -> list[Request]:
        """Every request of the bot, in the order in which they were answered."""
        return self._rest.requests

    @property
    def spec_errors(self) -> list[str]:
        """What Discord's OpenAPI document finds wrong with the bot's bodies."""
        return self._rest.spec_errors

    @property
    def own_errors(self) -> list[str]:
        """What Discord's OpenAPI document finds wrong with the playground's own answers."""
        return self._rest.own_errors

    @property
    def armed_faults(self) -> int:
        """How many faults have yet to happen."""
        return self._service.faults.armed

    @property
    def is_connected(self) -> bool:
        """Whether the bot is on the gateway, with all its shards."""
        return self._service.gateway.is_connected

    def info(self) -> Json:
        """Who and what is here, and what went wrong so far."""
        return {
            **self._service.info(),
            "counts": {"requests": len(self.requests)},
            "invalid_10min": self._rest.invalid_requests(),
            "spec_errors": self.spec_errors,
            "own_errors": self.own_errors,
        }

    def listening(self, listener: Callable[[Json], None]) -> AbstractContextManager[None]:
        """Call `listener` with every event while the block runs."""
        return self._service.feed.listening(listener)

    async def wait_for(self, predicate: Callable[[], Found | None], timeout: float = 30.0) -> Found:  # noqa: ASYNC109
        """
        What `predicate` gives as soon as it is true; it is asked again whenever anything happens here.

        Raises:
            TimeoutError: it did not become true in time.
        """
        return await self._service.feed.until(predicate, timeout)


def _cannot_listen(port: int, error: OSError | OverflowError) -> PlaygroundError:
    in_use = (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE))
    if isinstance(error, OSError) and error.errno in in_use:
        return PortInUse(f"port {port} is in use; choose another with --port")
    return PlaygroundError(f"cannot listen on port {port}: {error}")
