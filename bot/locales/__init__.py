"""Every text that a person reads, by key: one folder of Fluent files for each language."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from babel import Locale
from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import FluentType, fluent_number

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LOCALE = "en-US"


class Catalogue:
    """The texts of one language. A key or a value that is missing is a bug, and raises."""

    def __init__(self, locale: str, sources: Iterable[str]) -> None:
        self.locale = locale
        ordinal_form = Locale.parse(locale, sep="-").ordinal_form
        self._bundle = FluentBundle(
            [locale], functions={"ORDINAL": lambda number: ordinal_form(int(number))}, use_isolating=False
        )
        for source in sources:
            self._bundle.add_resource(FluentResource(source))

    def say(self, key: str, /, **values: object) -> str:
        """
        The text of a key (`key` or `key.attribute`), with its values filled in.

        A moment becomes Discord's "in 3 hours", and numbers stay without thousands separators, since people copy them.

        Raises:
            LookupError: there is no such key, or the text names a value that was not given.
        """
        name, _, attribute = key.partition(".")
        message = self._bundle.get_message(name)
        pattern = message.attributes[attribute] if attribute else message.value
        text, errors = self._bundle.format_pattern(pattern, {name: _readable(value) for name, value in values.items()})
        if errors:
            raise LookupError(f"{key}: {errors[0]}")
        return str(text)


@cache
def catalogue(locale: str) -> Catalogue:
    """The texts in a Discord locale's language, English where there are none."""
    if locale != DEFAULT_LOCALE and locale not in known_locales():
        return catalogue(DEFAULT_LOCALE)
    folder = files(__name__) / locale
    return Catalogue(locale, [file.read_text(encoding="utf-8") for file in folder.iterdir()])


@cache
def known_locales() -> frozenset[str]:
    """The locales that have a catalogue of their own."""
    return frozenset(each.name for each in files(__name__).iterdir() if each.is_dir() and "-" in each.name)


def _readable(value: object) -> FluentType | str:
    if isinstance(value, datetime):
        return f"<t:{int(value.timestamp())}:R>"
    if isinstance(value, int):
        return fluent_number(value, useGrouping=False)
    return str(value)
