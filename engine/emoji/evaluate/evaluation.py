"""The evaluation: which pictures are drawn, and the figures that come of them."""

from __future__ import annotations

import random as random_module
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from engine.emoji.dataset.captions import Captions
from engine.emoji.dataset.colours import COLOURS
from engine.emoji.dataset.scenes import SQUARE, Placed, Scene, draw
from engine.emoji.dataset.sources import InvalidSource
from engine.emoji.evaluate.classifier import train_classifier
from engine.emoji.evaluate.companions import Effect, effects
from engine.emoji.evaluate.measures import background_of, mean_pairwise_distance, reconstruction_psnr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.emoji.dataset.sources import Emoji
    from engine.emoji.evaluate.painter import Painter

SUBJECTS_FILE = Path(__file__).with_name("subjects.txt")
"""The first 300 emoji in emojibase's order without flags and skin tones, each by its code and label."""
SUBJECTS, SEEDS = 300, 4
GUIDANCE_SUBJECTS = 60
"""Drawn again at the two guidance scales, and in plain words, evenly spread over the subjects."""
LOW_GUIDANCE, HIGH_GUIDANCE = 1.0, 7.0
SEED = 4
"""Of the captions, backgrounds, the classifier and the pictures' first seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The figures; shares are from 0 to 1."""

    subjects: int
    seeds: int
    background_right: float
    subject_in_top5: float
    top5_in_plain_words: float
    """With captions of label and background alone."""
    classifier_own_top5: float
    top5_at_low_guidance: float
    top5_at_high_guidance: float
    pairwise_distance: float
    """Mean absolute difference, of 255, between pictures of one caption with different seeds."""
    psnr_db: float
    psnr_lowest_db: float
    missed: tuple[str, ...]
    """Labels of which no seed was recognised."""
    companions: tuple[Effect, ...] = ()


def evaluate(
    painter: Painter,
    emoji: Sequence[Emoji],
    pictures: NDArray[np.uint8],
    folder: Path,
    *,
    subjects: int = SUBJECTS,
    seeds: int = SEEDS,
    classifier_steps: int | None = None,
) -> Evaluation:
    """
    Measure a model on the first of the listed emoji, with captions in templates and tags held out of training.

    Args:
        emoji: The data, which may lack some of those that are listed.
        folder: Where the classifier is kept between evaluations.
        classifier_steps: Fewer than usual, for a quick look.

    Raises:
        InvalidSource: None of the listed emoji is in the data.
    """
    everything = _listed(emoji)[:subjects]
    options = {} if classifier_steps is None else {"steps": classifier_steps}
    classifier = train_classifier(pictures, folder, SEED, **options)
    random = random_module.Random(SEED)
    unseen = Captions(emoji, unseen=True)
    scenes = {
        index: Scene(size=SQUARE, background=random.choice(list(COLOURS)), placed=(Placed(emoji=index),))
        for index in everything
    }
    captions = {index: unseen.unseen(scene, random) for index, scene in scenes.items()}
    plain = {index: unseen.plain(scene) for index, scene in scenes.items()}

    def drawn(
        chosen: Sequence[int], guidance: float | None, captions: Mapping[int, str] = captions
    ) -> NDArray[np.uint8]:
        found = [
            painter.draw([captions[index]] * seeds, range(SEED, SEED + seeds), guidance=guidance)
            for index in tqdm(chosen, desc="pictures", unit="caption", mininterval=5)
        ]
        return np.stack(found)

    def recognised(chosen: Sequence[int], found: NDArray[np.uint8]) -> NDArray[np.bool_]:
        flat = found.reshape(-1, *found.shape[2:])
        top5 = classifier.first_five(flat).reshape(len(chosen), seeds, -1)
        found_among: NDArray[np.bool_] = (top5 == np.array(chosen)[:, None, None]).any(axis=2)
        return found_among

    usual = drawn(everything, None)
    right = recognised(everything, usual)
    backgrounds = [
        background_of(picture) == scenes[index].background
        for index, row in zip(everything, usual, strict=True)
        for picture in row
    ]
    spread = everything[:: max(1, len(everything) // GUIDANCE_SUBJECTS)]
    random_backgrounds = np.random.default_rng(SEED).integers(len(COLOURS), size=len(emoji))
    psnr = reconstruction_psnr(
        painter.pipeline.vae,
        np.stack(
            [
                draw(Scene(size=SQUARE, background=list(COLOURS)[colour], placed=(Placed(emoji=index),)), pictures)
                for index, colour in enumerate(random_backgrounds)
            ]
        ),
    )
    return Evaluation(
        subjects=len(everything),
        seeds=seeds,
        background_right=float(np.mean(backgrounds)),
        subject_in_top5=float(right.mean()),
        classifier_own_top5=classifier.own_top5,
        top5_in_plain_words=float(recognised(spread, drawn(spread, None, plain)).mean()),
        top5_at_low_guidance=float(recognised(spread, drawn(spread, LOW_GUIDANCE)).mean()),
        top5_at_high_guidance=float(recognised(spread, drawn(spread, HIGH_GUIDANCE)).mean()),
        pairwise_distance=float(np.mean([mean_pairwise_distance(list(row)) for row in usual])) if seeds > 1 else 0.0,
        psnr_db=float(psnr.mean()),
        psnr_lowest_db=float(psnr.min()),
        companions=effects(painter, painter.folder),
        missed=tuple(emoji[index].label for index, row in zip(everything, right, strict=True) if not row.any()),
    )


def _listed(emoji: Sequence[Emoji]) -> list[int]:
    """The indices of the listed emoji that are in the data, in the list's order."""
    index_of = {one.code: index for index, one in enumerate(emoji)}
    codes = [line.split(" ", 1)[0] for line in SUBJECTS_FILE.read_text("utf-8").splitlines()]
    found = [index_of[code] for code in codes if code in index_of]
    if not found:
        raise InvalidSource(f"none of the emoji in {SUBJECTS_FILE.name} is among the {len(emoji)} of the data")
    return found
