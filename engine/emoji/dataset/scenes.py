"""Scenes: one or two emoji, tinted or not, somewhere on a background of one colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from engine.emoji.dataset.colours import COLOURS, WHITE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from engine.emoji.dataset.sources import Emoji

Size = tuple[int, int]
"""Width and height in pixels."""
SQUARE, WIDE, TALL = (128, 128), (192, 128), (128, 192)
Relation = Literal["beside", "above", "left", "right", "top", "bottom"]

GROUP_WEIGHTS = {
    "smileys": 4.5,
    "people": 0.25,
    "animals": 2.4,
    "food": 2.2,
    "travel": 1.1,
    "activities": 1.1,
    "objects": 0.8,
    "symbols": 0.15,
}
"""Better a few hundred crisp things that people ask for than fourteen hundred soft ones."""
HANDS_AND_FACES = 150
"""So many of the people come before the trades, families and sports with their doubles, and count more."""
HANDS_AND_FACES_WEIGHT = 3.5
WHITE_SHARE = 0.4
"""Of the backgrounds, since a prompt that names none gets white."""
TINTABLE = {"smileys", "animals", "food", "travel", "activities", "objects"}
FLIPPABLE = {"animals", "food", "activities", "objects"}
SOFTENED = {"black": (38, 38, 42), "white": (236, 236, 236)}
"""Tints that leave room for shadows and lights."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One emoji of a scene."""

    emoji: int
    """Its index in the data."""
    left: int = 0
    top: int = 0
    side: int = 128
    angle: float = 0.0
    """Degrees, counter-clockwise."""
    flipped: bool = False
    tint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one picture of the data shows."""

    size: Size
    background: str
    placed: tuple[Placed, ...]
    relation: Relation | None = None
    """How the first lies to the second, or where the only one lies; none where it fills the middle."""


@dataclass(frozen=True, slots=True)
class Pool:
    """So many scenes of one kind, each made from its own number alone."""

    name: str
    size: Size
    count: int
    share: float
    """Of all the scenes that training sees, after division by the sum of the shares."""
    make: Callable[[int], Scene]


def weights(emoji: Sequence[Emoji]) -> NDArray[np.float64]:
    """How often each is drawn in training; they sum to one."""
    people = [index for index, one in enumerate(emoji) if one.group == "people"][:HANDS_AND_FACES]
    found = np.array([GROUP_WEIGHTS[one.group] for one in emoji])
    found[people] = HANDS_AND_FACES_WEIGHT
    shares: NDArray[np.float64] = found / found.sum()
    return shares


def tintable(one: Emoji) -> bool:
    """Whether a recoloured picture of it still shows it, and its label does not name a colour already."""
    return one.group in TINTABLE and not any(colour in one.label for colour in (*COLOURS, "grey", "gold", "silver"))


def pools(emoji: Sequence[Emoji], seed: int) -> tuple[Pool, ...]:
    """All scenes that the denoiser learns from."""
    maker = _Maker(emoji, seed)
    plain = len(emoji) * len(COLOURS)
    return (
        Pool("plain", SQUARE, plain, 0.54, maker.plain),
        Pool("varied", SQUARE, 12_000, 0.12, maker.varied),
        Pool("tinted", SQUARE, 8_000, 0.08, maker.tinted),
        Pool("placed", SQUARE, 3_000, 0.03, maker.placed),
        Pool("pair", SQUARE, 5_000, 0.05, maker.pair),
        Pool("wide", WIDE, 4_000, 0.05, maker.wide),
        Pool("wide-pair", WIDE, 5_000, 0.05, maker.wide_pair),
        Pool("tall", TALL, 4_000, 0.05, maker.tall),
        Pool("tall-pair", TALL, 4_000, 0.03, maker.tall_pair),
    )


class _Maker:
    def __init__(self, emoji: Sequence[Emoji], seed: int) -> None:
        self.emoji, self.seed = emoji, seed
        self.weights = weights(emoji)
        may = self.weights * np.array([tintable(one) for one in emoji])
        self.tint_weights = may / may.sum()

    def plain(self, number: int) -> Scene:
        index, background = divmod(number, len(COLOURS))
        return Scene(size=SQUARE, background=tuple(COLOURS)[background], placed=(Placed(emoji=index),))

    def varied(self, number: int) -> Scene:
        """Turned, shrunk, moved or mirrored, so that seeds have something to choose from."""
        random = self._random(1, number)
        index = self._one(random)
        side = int(random.integers(100, 129))
        return Scene(
            size=SQUARE,
            background=_background(random),
            placed=(
                Placed(
                    emoji=index,
                    side=side,
                    left=int(random.integers(0, 129 - side)),
                    top=int(random.integers(0, 129 - side)),
                    angle=float(random.uniform(-14, 14)),
                    flipped=self._flipped(random, index),
                ),
            ),
        )

    def tinted(self, number: int) -> Scene:
        random = self._random(2, number)
        index = int(random.choice(len(self.emoji), p=self.tint_weights))
        tint = str(random.choice(list(COLOURS)))
        return Scene(size=SQUARE, background=_background(random), placed=(Placed(emoji=index, tint=tint),))

    def placed(self, number: int) -> Scene:
        """Small, at one side."""
        random = self._random(3, number)
        relation, left, top = (("left", 2, 30), ("right", 58, 30), ("top", 30, 2), ("bottom", 30, 58))[
            int(random.integers(4))
        ]
        return Scene(
            size=SQUARE,
            background=_background(random),
            placed=(Placed(emoji=self._one(random), left=left, top=top, side=68),),
            relation=relation,  # type: ignore[arg-type]
        )

    def pair(self, number: int) -> Scene:
        random = self._random(4, number)
        if random.random() < 0.5:
            return self._pair(random, SQUARE, "beside", ((0, 32, 64), (64, 32, 64)))
        return self._pair(random, SQUARE, "above", ((32, 0, 64), (32, 64, 64)))

    def wide(self, number: int) -> Scene:
        return self._alone(self._random(5, number), WIDE)

    def wide_pair(self, number: int) -> Scene:
        return self._pair(self._random(6, number), WIDE, "beside", ((0, 16, 96), (96, 16, 96)))

    def tall(self, number: int) -> Scene:
        return self._alone(self._random(7, number), TALL)

    def tall_pair(self, number: int) -> Scene:
        return self._pair(self._random(8, number), TALL, "above", ((16, 0, 96), (16, 96, 96)))

    def _random(self, kind: int, number: int) -> Generator:
        return np.random.default_rng((self.seed, kind, number))

    def _one(self, random: Generator) -> int:
        return int(random.choice(len(self.emoji), p=self.weights))

    def _flipped(self, random: Generator, index: int) -> bool:
        return self.emoji[index].group in FLIPPABLE and bool(random.random() < 0.5)

    def _alone(self, random: Generator, size: Size) -> Scene:
        left, top = (size[0] - 128) // 2, (size[1] - 128) // 2
        return Scene(
            size=size, background=_background(random), placed=(Placed(emoji=self._one(random), left=left, top=top),)
        )

    def _pair(self, random: Generator, size: Size, relation: Relation, boxes: Sequence[tuple[int, int, int]]) -> Scene:
        tints = random.random() < 0.2
        placed = []
        for left, top, side in boxes:
            index = self._one(random)
            tint = str(random.choice(list(COLOURS))) if tints and tintable(self.emoji[index]) else None
            placed.append(Placed(emoji=index, left=left, top=top, side=side, tint=tint))
        return Scene(size=size, background=_background(random), placed=tuple(placed), relation=relation)


def _background(random: Generator) -> str:
    if random.random() < WHITE_SHARE:
        return WHITE
    return str(random.choice(list(COLOURS)[1:]))


def draw(scene: Scene, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The scene's pixels, (height, width, 3), from premultiplied pictures of (emoji, 128, 128, 4)."""
    width, height = scene.size
    canvas = np.full((height, width, 3), COLOURS[scene.background], np.float32)
    for one in scene.placed:
        picture = _turned(pictures[one.emoji], one)
        rgb, alpha = picture[..., :3].astype(np.float32), picture[..., 3:].astype(np.float32) / np.float32(255)
        if one.tint is not None:
            rgb = _tinted(rgb, alpha, one.tint)
        box = canvas[one.top : one.top + one.side, one.left : one.left + one.side]
        box *= 1 - alpha
        box += rgb
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _turned(picture: NDArray[np.uint8], one: Placed) -> NDArray[np.uint8]:
    if one.flipped:
        picture = np.ascontiguousarray(picture[:, ::-1])
    if one.angle == 0 and one.side == picture.shape[0]:
        return picture
    image = Image.frombytes("RGBa", picture.shape[:2], picture.tobytes())  # premultiplied, and left so
    if one.angle:
        image = image.rotate(one.angle, Image.Resampling.BICUBIC)
    return np.asarray(
        image.resize((one.side, one.side), Image.Resampling.BOX if one.side < 100 else Image.Resampling.BICUBIC)
    )


def _tinted(rgb: NDArray[np.float32], alpha: NDArray[np.float32], tint: str) -> NDArray[np.float32]:
    """The picture in shades of one colour: its own mean brightness becomes the colour, shadows and lights remain."""
    luminance = (rgb @ LUMINANCE)[..., None]
    opaque = alpha > 0.5
    middle = max(float(luminance[opaque].mean()) if opaque.any() else 128.0, 40.0)
    shade = luminance / middle
    colour = np.array(SOFTENED.get(tint) or COLOURS[tint], np.float32)
    lights = np.clip((luminance - middle) / max(255.0 - middle, 1.0), 0, 1) ** 1.5
    tinted = colour * np.minimum(shade, 1.15)
    shown: NDArray[np.float32] = np.minimum(tinted + (255 * alpha - tinted) * lights * 0.8, 255 * alpha)
    return shown
