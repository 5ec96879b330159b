"""
`python -m bot run` on a machine that takes at most twenty steps a second.

However fast the real one is, a request of many steps then lasts long enough to be seen, cancelled or killed. And however
slow: `--ping-after` says how long a wait is a long one.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from bot import endings
from bot.__main__ import main
from engine.batcher import Batcher

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_S = 0.05


def paced(next_batch: Callable[[Batcher], tuple[Any, ...]]) -> Callable[[Batcher], tuple[Any, ...]]:
    """Let no batch follow the one before it sooner than that; a machine that is slower does not wait."""
    due_at = 0.0

    def next_paced(batcher: Batcher) -> tuple[Any, ...]:
        nonlocal due_at
        batch = next_batch(batcher)
        if batch:
            time.sleep(max(0.0, due_at - time.monotonic()))
            due_at = time.monotonic() + TICK_S
        return batch

    return next_paced


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ping-after", type=float, default=endings.PING_AFTER_S, metavar="SECONDS")
    endings.PING_AFTER_S = parser.parse_args().ping_after
    Batcher.next_batch = paced(Batcher.next_batch)
    sys.exit(main(["run"]))
