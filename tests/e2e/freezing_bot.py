"""
`python -m bot run`, but each request whose prompt names a point of its road stops there for ever.

Killed then, the process leaves every such request exactly as a crash at that point leaves it: many points, one kill.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from bot import accept, endings
from bot.__main__ import main
from bot.admission import Admission
from bot.delivery import Delivery
from bot.endings import Endings
from bot.runs import Run, Runner
from bot.store import outcomes

BEFORE, AFTER = "before", "after"
DRAWING = (Runner, "_collect", BEFORE)
POINTS: dict[str, tuple[tuple[Any, str, str], ...]] = {
    "reserved": ((accept, "_answer", BEFORE),),
    "deferred": ((Admission, "reserve", AFTER),),
    "shown": ((accept, "_show", AFTER),),
    "shown and deleted": ((accept, "_show", AFTER),),
    "drawing": (DRAWING,),
    "drawing and deleted": (DRAWING,),
    "drawing for the fifth time": (DRAWING,),
    "delivering": ((Endings, "_show", BEFORE),),
    "delivered": ((Endings, "_show", AFTER),),
    "cancelled in part": ((Endings, "_show", AFTER),),
    "ended": ((Endings, "ping", BEFORE),),
    "pinged": ((Delivery, "ping", AFTER),),
    "cancelling": (DRAWING,),
    "cancelled": (DRAWING, (Endings, "tell", BEFORE)),
    "told": (DRAWING, (Delivery, "show", AFTER)),
}
"""Where a request with this prompt stops; where there are two, a cancel leads from the first to the second."""
FOR_EVER = asyncio.Event()


def freeze(owner: Any, name: str, when: str, point: str) -> None:
    """Let this coroutine function stop for ever where it is about a request of that prompt."""
    original = getattr(owner, name)

    async def freezing(*arguments: Any, **more: Any) -> Any:
        is_meant = any(is_about(point, argument) for argument in arguments)
        if is_meant and when == BEFORE:
            await stop(point, name)
        result = await original(*arguments, **more)
        if is_meant:
            await stop(point, name)
        return result

    setattr(owner, name, freezing)


def is_about(point: str, argument: Any) -> bool:
    """Whether a row, a run, an ask or a reply is that of the request with this prompt."""
    holders = [argument, getattr(argument, "row", None), getattr(argument, "request", None)]
    prompts = [getattr(holder, "prompt", None) for holder in holders]
    return point in prompts or str(getattr(argument, "content", "")).startswith(f"**{point}**\n")


def say_frozen(point: str, name: str) -> None:
    """Tell the test, which reads the bot's log."""
    sys.stdout.write(f"frozen: {point} at {name}\n")
    sys.stdout.flush()


async def stop(point: str, name: str) -> None:
    """Go no further."""
    say_frozen(point, name)
    await FOR_EVER.wait()


def cancel_only_on_paper() -> None:
    """A cancel of `cancelling` goes no further than its row."""
    original = Run.stop

    def stop_run(run: Any, reason: str | None) -> None:
        if run.row.prompt == "cancelling":
            say_frozen("cancelling", "stop")
        else:
            original(run, reason)

    Run.stop = stop_run


def cancel_in_part() -> None:
    """Of `cancelled in part` all pictures but the last were finished when its cancel came."""
    original = Endings.deliver

    async def deliver(self: Endings, row: Any, pictures: Any, **facts: Any) -> None:
        if row.prompt == "cancelled in part":
            pictures = pictures[:-1]
            facts |= {"state": "cancelled", "reason": "cancelled-by-owner"}
            async with self._database.transaction() as connection:
                await outcomes.intend_cancel(connection, row.id, reason="cancelled-by-owner")
        await original(self, row, pictures, **facts)

    Endings.deliver = deliver


if __name__ == "__main__":
    endings.PING_AFTER_S = -1.0  # everybody has waited long enough for a ping
    cancel_only_on_paper()
    cancel_in_part()
    for point, stops in POINTS.items():
        for owner, name, when in stops:
            freeze(owner, name, when, point)
    sys.exit(main(["run"]))
