"""Pure: what a model's licence asks of whoever draws with it, in words that a member reads."""

from __future__ import annotations

import re

from bot.locales import catalogue
from bot.markdown import clipped, one_line, plain

RESTRICTED = re.compile(r"open[\s_-]*rail", re.IGNORECASE)
"""Of the licences that list what nobody may do with the model: https://www.licenses.ai/ai-licenses."""
NAME_CHARACTERS = 80


def is_restricted(licence: str) -> bool:
    """Whether a licence lists what nobody may do with the model or its pictures."""
    return RESTRICTED.search(licence) is not None


def line_under_picture(model: str, licence: str, locale: str) -> str:
    """What stands under a member's first picture."""
    key = "licence-line-restricted" if is_restricted(licence) else "licence-line"
    return catalogue(locale).say(key, model=_safe(model), licence=_safe(licence))


def question(model: str, licence: str, locale: str) -> str:
    """What a member is asked before the first picture."""
    say = catalogue(locale).say
    lines = [say("agree-ask", model=_safe(model), licence=_safe(licence))]
    if is_restricted(licence):
        lines.append(say("licence-restrictions"))
    return "\n".join([*lines, say("agree-go-on")])


def _safe(text: str) -> str:
    return plain(clipped(one_line(text), NAME_CHARACTERS))
