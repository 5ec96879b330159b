"""Whose requests weigh how much in the line: what the operator has set for members and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.store.requests import RequestRow

USUAL_WEIGHT = 1.0


def weight_of(row: RequestRow, weights: Mapping[int, float]) -> float:
    """A member's own weight, or else the largest of their roles', or else the usual one."""
    if row.user_id in weights:
        return weights[row.user_id]
    if not weights:
        return USUAL_WEIGHT  # without reading the roles of everybody who waits
    return max((weights[role_id] for role_id in row.roles if role_id in weights), default=USUAL_WEIGHT)
