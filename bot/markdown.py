"""Somebody's text inside our messages: what they typed is read, and never renders."""

from __future__ import annotations

import re
import unicodedata

MAX_MESSAGE_CHARACTERS = 2000
"""https://discord.com/developers/docs/resources/message#create-message."""
ALWAYS_SPECIAL = re.compile(r"[\\*_~`|<>@:/\[\]]")
"""What opens emphasis, spoilers, code, mentions, timestamps, emoji, links and invites, wherever it stands."""
SPECIAL_AT_START = re.compile(r"#|-(?=[\s#]|$)|\+(?=\s|$)|\d+(?=\.(?:\s|$))")
"""What opens a heading, small print or a list at the start of a line."""
BROADCAST = re.compile(r"(?<=@)(?=everyone|here)", re.IGNORECASE)
ZERO_WIDTH_SPACE = "\u200b"
KEPT_FORMAT_CHARACTERS = "\u200c\u200d"
"""Joiners, which scripts and emoji need; other format characters reverse or hide text."""


def plain(text: str) -> str:
    """
    One line that Discord shows as it was typed: no markdown, mention, link, invite, timestamp or emoji renders.

    A backslash before ASCII punctuation hides itself and the punctuation's meaning.
    """
    text = BROADCAST.sub(ZERO_WIDTH_SPACE, one_line(text))
    start = SPECIAL_AT_START.match(text)
    text = ALWAYS_SPECIAL.sub(r"\\\g<0>", text)
    if start is None:
        return text
    return f"{start[0]}\\{text[start.end() :]}" if start[0].isdigit() else f"\\{text}"


def one_line(text: str) -> str:
    """The text without line breaks, control characters and what reverses or hides text; spaces run together."""
    kept = (
        character
        if character in KEPT_FORMAT_CHARACTERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else " "
        if character.isspace()
        else ""
        for character in text
    )
    return " ".join("".join(kept).split())


def clipped(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis: at most `limit` UTF-16 units, as Discord's clients count."""
    if utf16_length(text) <= limit:
        return text
    kept = text[: limit - 1]
    while utf16_length(kept) > limit - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def utf16_length(text: str) -> int:
    """How long a text is for Discord's clients."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
