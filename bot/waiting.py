"""Why a request waits, in numbers that name nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import replies
from bot.locales import catalogue
from bot.weights import USUAL_WEIGHT, weight_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.store.requests import RequestRow
    from bot.studio import Studio


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who shares the GPU with a member, and how."""

    drawn: int
    """Requests that are being drawn."""
    waiting: int
    """Requests that wait, this one among them."""
    members: int
    """To whom all those belong, this one among them."""
    own_before: int
    """The member's own requests that were there before this one."""
    share: float
    """The member's part of the GPU as long as all of them have work, from 0 to 1."""
    weight: float
    """The member's, where the operator has set one."""
    is_weighed: bool
    """Whether anybody's weight is another than theirs."""


def standing_of(
    row: RequestRow, drawn: Sequence[RequestRow], waiting: Sequence[RequestRow], weights: Mapping[int, float]
) -> Standing:
    """How a request stands among those that are being drawn and those that wait."""
    everything = [*drawn, *waiting]
    by_member = {each.user_id: weight_of(each, weights) for each in everything}
    weight = by_member[row.user_id] = weight_of(row, weights)
    return Standing(
        drawn=len(drawn),
        waiting=len(waiting),
        members=len(by_member),
        own_before=sum(each.user_id == row.user_id and each.id < row.id for each in everything),
        share=weight / sum(by_member.values()),
        weight=weight,
        is_weighed=any(each != weight for each in by_member.values()) or weight != USUAL_WEIGHT,
    )


def why_text(row: RequestRow, studio: Studio, locale: str) -> str:
    """Why a request waits, for one person to read."""
    say = catalogue(locale).say
    if studio.is_paused(row.guild_id):
        return say("why-paused")
    standing = studio.overview.standing(row)
    lines = [say("why-title", id=row.short_id, place=replies.place_in_line(studio.overview.place_of(row.id), locale))]
    lines.append(say("why-shared", drawn=standing.drawn, waiting=standing.waiting, members=standing.members))
    share = say("why-share", percent=max(1, round(100 * standing.share)))
    lines.append(f"{share} {say('why-weight', weight=f'{standing.weight:g}')}" if standing.is_weighed else share)
    if standing.own_before:
        lines.append(say("why-own-before", count=standing.own_before))
    if studio.loading is not None:
        lines.append(say("why-loading"))
    elif (ready := studio.overview.ready_of(row.id)) is not None:
        lines.append(say("why-ready", ready=replies.ready_text(ready, locale)))
    return "\n".join(lines)
