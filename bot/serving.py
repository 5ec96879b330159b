"""The bot's life: opened in order, served until a signal, closed in the opposite order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bot.admission import Refused
from bot.assembly import assemble
from bot.chores import kept_up
from bot.client import use_api
from bot.database import Database
from bot.files import open_folder
from bot.locales import DEFAULT_LOCALE
from bot.moderation import exchange
from bot.recovery import read_left
from bot.sentences import sentence
from bot.undeliverable import OUT_OF_REACH
from engine import Engine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from pydantic import SecretStr

    from bot.client import Client
    from bot.moderation.rules import Rule
    from bot.settings import Settings
    from bot.studio import Studio

log = structlog.stdlib.get_logger(__name__)

AUTHENTICATION_FAILED = 4004
"""The gateway's close code for a token that is no longer right."""


class ServingError(Exception):
    """The bot cannot serve; the message is a key of the catalogue."""

    def __init__(self, key: str, *, status: int, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.status = status
        self.values = values


async def serve(
    settings: Settings, *, command: str = "run", beside: Callable[[], Awaitable[None]] | None = None
) -> None:
    """
    Run the bot until SIGINT or SIGTERM. What can be found wrong without Discord is found before the first connection.

    Args:
        command: what the database's lock says of its holder.
        beside: started once the bot is connected, and stopped with it.

    Raises:
        EngineError, DatabaseError, ServingError: a sentence that the operator reads.
    """
    if (token := settings.discord_token) is None:
        raise ServingError("operator-no-token", status=2)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody is heard here
    if settings.hf_token is not None:
        os.environ["HF_TOKEN"] = settings.hf_token.get_secret_value()  # where the hub's library looks for it
    operators_rules = _operators_rules(settings.filter_file) if settings.filter_file else ()
    _open_data_dir(settings.data_dir)
    engine = Engine.open(
        settings.model,
        models_dir=settings.models_dir,
        device=settings.device,
        dtype=settings.dtype,
        memory=settings.memory,
        weighting=settings.weighting,
        safety_checker=settings.safety_checker,
        max_rows=settings.max_rows,
        model_memory_bytes=settings.model_memory_bytes,
        idle_unload_s=settings.idle_unload_s,
    )
    async with Database.open(settings.database_path, command=command) as database:
        bot = await assemble(settings, engine, database, operators_rules)
        left = await read_left(database)
        try:
            async with bot.client:
                await _login(bot.client, settings, token)
                engine.start()  # not before: a wrong token is said at once, and not after torch is imported
                await _serve_until_stopped(bot.client, bot.studio, bot.recovery.take_up(left, bot.studio), beside)
        finally:
            await engine.close(finish=False)


def _operators_rules(file: Path) -> tuple[Rule, ...]:
    """
    The rules that hold everywhere.

    Raises:
        ServingError: the file cannot be read, or says what is no rule.
    """
    try:
        entries = exchange.read(file.read_bytes(), most_regexes=exchange.MAX_ENTRIES)
    except OSError as error:
        raise ServingError("operator-filter-file", status=2, path=str(file), reason=str(error.strerror)) from error
    except Refused as fault:
        reason = sentence(fault, DEFAULT_LOCALE)
        raise ServingError("operator-filter-file", status=2, path=str(file), reason=reason) from fault
    rules = []
    for entry in entries:
        try:
            rules.append(replace(entry.valid_rule, id=entry.number, is_operators=True))
        except Refused as fault:
            facts = {"path": str(file), "number": str(entry.number), "reason": sentence(fault, DEFAULT_LOCALE)}
            raise ServingError("operator-filter-file-entry", status=2, **facts) from fault
    return tuple(rules)


def _open_data_dir(folder: Path) -> None:
    """
    The folder of the pictures that are kept; not only when the first one is to be kept.

    Raises:
        ServingError: it takes none.
    """
    try:
        open_folder(folder)
    except OSError as error:
        key = "operator-data-dir-is-file" if isinstance(error, FileExistsError) else "operator-data-dir"
        raise ServingError(key, status=2, path=str(folder), reason=error.strerror or str(error)) from error


async def _login(client: Client, settings: Settings, token: SecretStr) -> None:
    try:
        if settings.discord_api_url:
            await use_api(settings.discord_api_url, token.get_secret_value())
        await client.login(token.get_secret_value())
    except discord.LoginFailure as error:
        raise ServingError("operator-wrong-token", status=2) from error
    except OUT_OF_REACH as error:
        raise ServingError("operator-no-discord", status=1, error=str(error) or repr(error)) from error


async def _serve_until_stopped(
    client: Client,
    studio: Studio,
    taking_up: Coroutine[None, None, None],
    beside: Callable[[], Awaitable[None]] | None,
) -> None:
    """The first of signal, gateway and studio to end, ends the others; the studio is given time to deliver."""
    stopped = _listen_for_signals()

    async def work() -> None:
        # Beside each other, so that one message that Discord does not take keeps nobody waiting for pictures.
        settling = asyncio.create_task(taking_up)
        try:
            async with kept_up((*client.files.chores, *client.eraser.chores)):
                await asyncio.gather(settling, studio.run())
        finally:
            settling.cancel()

    async def accompany() -> None:
        await client.wait_until_ready()
        if beside is not None:
            await beside()

    chores = [asyncio.create_task(chore) for chore in (client.moderator_log.run(), client.purges.run())]
    working = asyncio.create_task(work())
    gateway = asyncio.create_task(client.connect())
    signalled = asyncio.create_task(stopped.wait())
    company = asyncio.create_task(accompany())
    try:
        await asyncio.wait({working, gateway, signalled}, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping")
        company.cancel()
        await studio.close()
        if working.done():
            working.result()
        if gateway.done():
            _explain_end(gateway)
    finally:
        for task in (working, signalled, company, *chores):
            task.cancel()
        await client.close()
        await asyncio.wait({working, gateway, signalled, company, *chores})
        if not company.cancelled() and (error := company.exception()) is not None:
            log.error("company_failed", exc_info=error)


def _explain_end(gateway: asyncio.Task[None]) -> None:
    """
    Why the gateway ended by itself.

    Raises:
        ServingError: Discord does not know the token any more, or cannot be reached.
    """
    try:
        gateway.result()
    except discord.ConnectionClosed as error:
        if error.code == AUTHENTICATION_FAILED:
            raise ServingError("operator-wrong-token", status=2) from error
        raise ServingError("operator-no-discord", status=1, error=str(error)) from error
    except (discord.GatewayNotFound, aiohttp.ClientError, OSError) as error:
        reason = str(error).rstrip(".") or repr(error)
        raise ServingError("operator-no-discord", status=1, error=reason) from error


def _listen_for_signals() -> asyncio.Event:
    """
    An event that SIGINT and SIGTERM set.

    The second one ends the process at once, whatever the engine's thread is doing: a start settles what a crash leaves.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int, *_: object) -> None:
        if stopped.is_set():
            os._exit(128 + number)  # what a shell expects of a program that a signal ended
        loop.call_soon_threadsafe(stopped.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":  # its loops know no signal handlers
            signal.signal(number, stop)
        else:
            loop.add_signal_handler(number, stop, number)
    return stopped
