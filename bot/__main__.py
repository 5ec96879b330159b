"""`python -m bot run|demo|migrate|backup|forget`: reads settings, builds objects, says in a sentence what is wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bot.locales import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.settings import Settings

BAD_INPUT = 2
INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended: https://tldp.org/LDP/abs/html/exitcodes.html."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 success, 2 bad input, 1 failure."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    say = catalogue("en-US").say
    parser = argparse.ArgumentParser(prog="python -m bot", description=say("operator-help"))
    commands = parser.add_subparsers(required=True, metavar="{run,demo,migrate,backup,forget}")
    run = commands.add_parser("run", help=say("operator-help-run"), description=say("operator-help-run"))
    run.set_defaults(command=_run)
    demo = commands.add_parser("demo", help=say("operator-help-demo"), description=say("operator-help-demo"))
    demo.add_argument("--port", type=int, default=8787, help=say("operator-help-port"))
    demo.add_argument("--no-browser", action="store_true", help=say("operator-help-no-browser"))
    demo.add_argument("--database", type=Path, metavar="FILE", help=say("operator-help-database"))
    demo.set_defaults(command=_demo)
    migrate = commands.add_parser(
        "migrate", help=say("operator-help-migrate"), description=say("operator-help-migrate")
    )
    migrate.set_defaults(command=_migrate)
    backup = commands.add_parser("backup", help=say("operator-help-backup"), description=say("operator-help-backup"))
    backup.add_argument("file", type=Path, metavar="FILE.tar", help=say("operator-help-backup-file"))
    backup.set_defaults(command=_backup)
    forget = commands.add_parser("forget", help=say("operator-help-forget"), description=say("operator-help-forget"))
    forget.add_argument("user_id", type=_user_id, metavar="USER_ID", help=say("operator-help-forget-user"))
    forget.add_argument("--messages", action="store_true", help=say("operator-help-forget-messages"))
    forget.set_defaults(command=_forget)
    return parser


def _user_id(value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) < 2**63:
        raise argparse.ArgumentTypeError(catalogue("en-US").say("operator-no-user-id", value=value))
    return int(value)


def _run(_: argparse.Namespace) -> int:
    return _with_settings(_serve)


def _serve(settings: Settings) -> int:
    from bot.serving import serve

    asyncio.run(serve(settings))
    return 0


def _demo(options: argparse.Namespace) -> int:
    from bot.demo import demo

    return _with_settings(
        lambda settings: asyncio.run(
            demo(settings, options.port, browse=not options.no_browser, database=options.database)
        )
    )


def _migrate(_: argparse.Namespace) -> int:
    return _with_settings(_apply_migrations)


def _apply_migrations(settings: Settings) -> int:
    from bot.database import Database

    async def apply() -> Sequence[str]:
        async with Database.open(settings.database_path, command="migrate") as database:
            return database.applied

    applied = asyncio.run(apply())
    say = catalogue("en-US").say
    for name in applied:
        print(name)
    if not applied:
        print(say("operator-up-to-date", path=str(settings.database_path)), file=sys.stderr)
    return 0


def _backup(options: argparse.Namespace) -> int:
    from bot.backup import back_up

    def run(settings: Settings) -> int:
        count = back_up(settings, options.file)
        print(catalogue("en-US").say("backup-written", path=str(options.file), count=count))
        return 0

    return _with_settings(run)


def _forget(options: argparse.Namespace) -> int:
    from bot.forgetting import forget

    def run(settings: Settings) -> int:
        erased = asyncio.run(forget(settings, options.user_id, with_messages=options.messages))
        facts = {"requests": erased.requests, "withdrawn": erased.withdrawn, "messages": erased.messages}
        print(catalogue("en-US").say("forgotten", user=str(options.user_id), **facts))
        return 0

    return _with_settings(run)


def _with_settings(command: Callable[[Settings], int]) -> int:
    from bot.logs import configure
    from bot.settings import load_settings

    def run() -> int:
        settings, warnings = load_settings()
        token = settings.discord_token
        configure(settings.log_level, secrets=[token.get_secret_value()] if token else [])
        for warning in warnings:
            print(warning, file=sys.stderr)
        return command(settings)

    return _explained(run)


def _explained(command: Callable[[], int]) -> int:
    """Run a command; what is the operator's to mend becomes one sentence on stderr instead of a traceback."""
    from bot.backup import BackupError
    from bot.database import DatabaseError
    from bot.serving import ServingError
    from bot.settings import SettingsError
    from engine import EngineError

    say = catalogue("en-US").say
    try:
        return command()
    except (SettingsError, DatabaseError, EngineError) as error:
        sentence, status = str(error), BAD_INPUT
    except ServingError as error:
        sentence, status = say(error.key, **error.values), error.status
    except BackupError as error:
        sentence, status = say(error.key, **error.values), BAD_INPUT
    print(sentence, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
