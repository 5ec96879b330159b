"""How a member put a request: the prompt as typed, with the options at its end, and what is to be said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.admission import Refused
from bot.policy import MAX_PICTURES
from engine import GenerationRequest
from engine.notation.trailing import read_options
from engine.notation.values import merged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from engine import ModelCard
    from engine.prompt import Note


@dataclass(frozen=True, slots=True)
class Wording:
    """A prompt as typed; `notes` say which options at its end are not heard."""

    typed_prompt: str
    notes: tuple[Note, ...] = ()

    @classmethod
    def of(cls, typed_prompt: str) -> Self:
        """The wording of a request that is made again, in which no other option holds against the prompt's."""
        return cls(typed_prompt, read_options(typed_prompt).notes)


def worded(
    typed_prompt: str,
    given: Mapping[str, Any],
    card: ModelCard,
    *,
    otherwise: Mapping[str, Any],
) -> tuple[GenerationRequest, Wording]:
    """
    The request that a prompt makes with the options at its end and with those that were given beside it, which win.

    Args:
        given: fields of the request.
        otherwise: the fields that hold where neither says anything.

    Raises:
        InvalidRequest, Refused: the sentence names the value and the rule.
    """
    trailing = read_options(typed_prompt)
    values, overruled = merged(trailing.options, given, card)
    fields = {**otherwise, **values}
    if isinstance(images := fields.get("num_images"), int) and images > MAX_PICTURES:
        raise Refused("too-many-pictures", asked=images, limit=MAX_PICTURES)
    request = GenerationRequest(prompt=trailing.text, **fields)
    return request, Wording(typed_prompt, (*trailing.notes, *overruled))
