"""The words for a scene, said in many ways, some of which training never sees."""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING

from engine.emoji.dataset.colours import WHITE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from random import Random

    from engine.emoji.dataset.scenes import Placed, Relation, Scene
    from engine.emoji.dataset.sources import Emoji

HELD_OUT_SEED, HELD_OUT_SHARE = 2023, 0.2
SUBJECT_TEMPLATES = (
    "{x}",
    "{a x}",
    "the {x}",
    "one {x}",
    "an emoji of {a x}",
    "{x} emoji",
    "{a x} emoji",
    "a photo of {a x}",
    "a picture of {a x}",
    "a drawing of {a x}",
    "a 3d render of {a x}",
    "an icon of {a x}",
    "a sticker of {a x}",
    "an illustration of {a x}",
    "a cute {x}",
    "a beautiful {x}",
    "a shiny {x}",
    "draw {a x}",
    "draw me {a x}",
    "show me {a x}",
    "{x}, high quality",
    "{x}, 3d",
    "please draw {a x}",
    "an image of {a x}",
)
BACKGROUND_TEMPLATES = (
    "{s} on a {c} background",
    "{s} on {a c} background",
    "{s}, {c} background",
    "{s} on {c}",
    "{s} in front of a {c} background",
    "{s} with a {c} background",
    "{s} against a {c} background",
    "a {c} background with {s}",
)
RELATION_WORDS: dict[Relation, Sequence[tuple[str, bool]]] = {
    "beside": (
        ("and", False),
        ("and", False),
        ("and", False),
        ("next to", False),
        ("beside", False),
        ("with", False),
        ("to the left of", False),
        ("left of", False),
        ("to the right of", True),
        ("right of", True),
    ),
    "above": (
        ("and", False),
        ("above", False),
        ("over", False),
        ("on top of", False),
        ("below", True),
        ("under", True),
    ),
}
"""Between two subjects, and whether the second then comes first."""
PLACES: dict[Relation, Sequence[str]] = {
    "left": ("on the left", "at the left side"),
    "right": ("on the right", "at the right side"),
    "top": ("at the top", "in the upper half"),
    "bottom": ("at the bottom", "in the lower half"),
}
EMPTY, TAGGED, TAGS_ALONE = 0.1, 0.18, 0.12
"""Shares of captions: none at all (for classifier-free guidance), label with tags, tags alone."""
FILLED_UP = 0.4
"""Share of captions with words that mean nothing, so that words which training never sees are read past."""
FILLED_SUBJECTS = ("{n} of {a x}", "a {n} {x}", "{n} {x}", "the {n} {x}", "{a x}, {n}", "{x} {n}", "{x}, {n}", "{a x}")
FILLED_BACKGROUNDS = (
    "{s} {n} a {c} background",
    "{s} {n} of a {c} background",
    "{s}, {n} {c} background",
    "{s} on a {n} {c} background",
    "{s} on a {c} {n}",
    "{s} on a {c} background",
)
CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def held_out(templates: Sequence[str]) -> frozenset[str]:
    """The templates that training never sees, chosen by a fixed seed; never the first, which is the plainest."""
    return frozenset(random_module.Random(HELD_OUT_SEED).sample(templates[1:], round(len(templates) * HELD_OUT_SHARE)))


def held_out_tags(emoji: Sequence[Emoji]) -> frozenset[str]:
    """A tenth of all tags, chosen by a fixed seed, that training never sees."""
    tags = sorted({tag for one in emoji for tag in one.tags})
    return frozenset(random_module.Random(HELD_OUT_SEED).sample(tags, len(tags) // 10))


class Captions:
    """Says what scenes show. With `unseen` it says it only in the templates that were held out of training."""

    def __init__(self, emoji: Sequence[Emoji], *, unseen: bool = False) -> None:
        hidden = held_out_tags(emoji)
        self._labels = [one.label for one in emoji]
        self._tags = [tuple(tag for tag in one.tags if (tag in hidden) == unseen) for one in emoji]
        self._subjects = _split(SUBJECT_TEMPLATES, unseen=unseen)
        self._backgrounds = _split(BACKGROUND_TEMPLATES, unseen=unseen)

    def training(self, scene: Scene, random: Random) -> str:
        """One of many captions; empty one time in ten."""
        if random.random() < EMPTY:
            return ""
        if len(scene.placed) == 1:
            subject = self._subject(scene.placed[0], random)
            if scene.relation is None and random.random() < FILLED_UP:
                return self._filled_up(scene, subject, random)
            return self._finished(scene, subject, random)
        joint, swapped = random.choice(RELATION_WORDS[scene.relation or "beside"])
        first, second = (self._labelled(one) for one in (scene.placed[::-1] if swapped else scene.placed))
        if random.random() < 0.75:
            first, second = _with_article(first), _with_article(second)
        return self._finished(
            scene, f"{first} {joint} {second}", random, templates=("{x}", "draw {x}", "an emoji of {x}")
        )

    def plain(self, scene: Scene) -> str:
        """The label and the background, in the plainest words."""
        [one] = scene.placed
        return _filled(BACKGROUND_TEMPLATES[0], _filled(SUBJECT_TEMPLATES[0], self._labelled(one)), scene.background)

    def unseen(self, scene: Scene, random: Random) -> str:
        """The label, at times with a held-out tag, in held-out templates, with the background named."""
        [one] = scene.placed
        subject = self._labelled(one)
        tags = self._tags[one.emoji]
        if tags and random.random() < 0.5:
            subject = f"{subject}, {random.choice(tags)}"
        phrase = _filled(random.choice(self._subjects), subject)
        return _filled(random.choice(self._backgrounds), phrase, scene.background)

    def _subject(self, one: Placed, random: Random) -> str:
        tags = list(self._tags[one.emoji])
        kind = random.random()
        if one.tint is not None or not tags or kind > TAGGED + TAGS_ALONE:
            return self._labelled(one)
        chosen = random.sample(tags, min(len(tags), random.randint(1, 3)))
        if kind < TAGS_ALONE:
            return " ".join(chosen)
        return random.choice((", ", " ")).join((self._labelled(one), *chosen))

    def _labelled(self, one: Placed) -> str:
        label = self._labels[one.emoji]
        return f"{one.tint} {label}" if one.tint is not None else label

    def _finished(self, scene: Scene, subject: str, random: Random, templates: Sequence[str] | None = None) -> str:
        plain = random.random() < 0.45
        template = "{x}" if plain and templates is None else random.choice(templates or self._subjects)
        text = _filled(template, subject)
        if scene.relation in PLACES:
            text = f"{text} {random.choice(PLACES[scene.relation])}"
        if scene.background == WHITE and random.random() < 0.75:
            return text
        usual = random.random() < 0.5
        return _filled(BACKGROUND_TEMPLATES[0] if usual else random.choice(self._backgrounds), text, scene.background)

    def _filled_up(self, scene: Scene, subject: str, random: Random) -> str:
        """The same in words of which some are made up."""

        def fill(template: str, words: str, colour: str = "") -> str:
            return _filled(template.replace("{n}", _made_up(random)), words, colour)

        text = fill(random.choice(FILLED_SUBJECTS), subject)
        if scene.background == WHITE and random.random() < 0.75:
            return text
        return fill(random.choice(FILLED_BACKGROUNDS), text, scene.background)


def _split(templates: Sequence[str], *, unseen: bool) -> list[str]:
    hidden: Collection[str] = held_out(templates)
    return [template for template in templates if (template in hidden) == unseen]


def _filled(template: str, subject: str, colour: str = "") -> str:
    return (
        template.replace("{a x}", _with_article(subject))
        .replace("{x}", subject)
        .replace("{s}", subject)
        .replace("{a c}", _with_article(colour))
        .replace("{c}", colour)
    )


def _made_up(random: Random) -> str:
    """One or two words of a few syllables each."""
    return " ".join(
        "".join(
            random.choice(CONSONANTS) + random.choice(VOWELS) + random.choice(("", "", *CONSONANTS))
            for _ in range(random.randint(1, 4))
        )
        for _ in range(random.choice((1, 1, 2)))
    )


def _with_article(words: str) -> str:
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
