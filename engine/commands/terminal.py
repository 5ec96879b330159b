"""What all commands have in common: their exit statuses, what they say, and how they refuse what was typed."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

EXIT_FAILURE, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def say(text: str) -> None:
    """Tell whoever reads stderr."""
    print(text, file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    """Refuses bad input with one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        if message.endswith("required: PROMPT"):
            message = "PROMPT is missing; one that begins with a dash comes after `--`"
        self.exit(EXIT_BAD_INPUT, f"error: {message}\n")
