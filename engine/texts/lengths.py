"""Prompts of different lengths in one call of the U-Net."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

MOST_REPEATED_CHUNKS = 6
"""Texts are repeated up to this length; from there on a call of their own is faster than one with so many keys."""
CHUNK_TOKENS = 77

T = TypeVar("T")


def going_together(sharers: Iterable[T], length: Callable[[T], int]) -> list[list[T]]:
    """
    Groups that may share a call: their lengths' common multiple is at most 6 chunks, or they are all the same.

    Args:
        length: of a sharer's text, in tokens.
    """
    by_length: dict[int, list[T]] = {}
    for sharer in sharers:
        by_length.setdefault(length(sharer), []).append(sharer)
    groups: list[tuple[int, list[T]]] = []
    for tokens in sorted(by_length, reverse=True):
        for number, (multiple, group) in enumerate(groups):
            if (common := math.lcm(multiple, tokens)) <= MOST_REPEATED_CHUNKS * CHUNK_TOKENS:
                groups[number] = common, [*group, *by_length[tokens]]
                break
        else:
            groups.append((tokens, by_length[tokens]))
    return [group for _, group in groups]


def with_one_length(embeds: Sequence[Tensor]) -> list[Tensor]:
    """
    Texts repeated until all are as long as their lengths' common multiple.

    Attention over keys that are all repeated equally often is the same: softmax gives each copy its part of what the
    one had.

    Args:
        embeds: `[rows, n, d]` each, n different.
    """
    tokens = math.lcm(*(each.shape[1] for each in embeds))
    return [each.repeat(1, tokens // each.shape[1], 1) for each in embeds]
