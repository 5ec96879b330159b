"""`python -m engine "a red heart" -o heart.png`: the engine without Discord."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.commands import bench, draw, fetch
from engine.commands.terminal import EXIT_BAD_INPUT, EXIT_FAILURE, EXIT_INTERRUPTED, say
from engine.errors import EngineError, InvalidDevice, InvalidModel, InvalidRequest
from engine.outputs import InvalidOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {"bench": bench.run, "fetch": fetch.run}
"""By the first word, exactly so; any other is a prompt's, and `-- fetch` draws one."""
FAILURES = ("model_unreachable", "disk_full")
"""What is wrong with a model but not with what was typed."""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for, and give the exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever closed it does not want to read
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open as long as this process
    # Without a handler, Python would print the tracebacks that the engine logs.
    logging.getLogger("engine").addHandler(logging.NullHandler())
    first = arguments[0] if arguments else ""
    try:
        return COMMANDS[first](arguments[1:]) if first in COMMANDS else draw.run(arguments)
    except (InvalidRequest, InvalidModel, InvalidDevice, InvalidOutput) as error:
        say(f"error: {error}")
        return EXIT_FAILURE if getattr(error, "rule", "") in FAILURES else EXIT_BAD_INPUT
    except (EngineError, OSError) as error:
        say(f"error: {error}")
        return EXIT_FAILURE
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
