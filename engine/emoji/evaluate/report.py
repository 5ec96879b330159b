"""MODEL_CARD.md: what the bundled model is, how it was made, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.emoji.dataset.sources import PICTURES_PACKAGE, WORDS_PACKAGE
from engine.emoji.evaluate.evaluation import HIGH_GUIDANCE, LOW_GUIDANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.emoji.evaluate.evaluation import Evaluation
    from engine.files.card import ModelCard

START, END = "<!-- measured -->", "<!-- /measured -->"


def figures(evaluation: Evaluation, card: ModelCard) -> str:
    """The measured figures as a Markdown table between two marks, so that a later evaluation can replace it."""
    share = "{:.1%}".format
    rows: Mapping[str, str] = {
        "background colour right": share(evaluation.background_right),
        "subject among the classifier's first five": share(evaluation.subject_in_top5),
        "the same in plain words (“LABEL on a COLOUR background”)": share(evaluation.top5_in_plain_words),
        "the classifier's own, of unseen augmentations of the data": share(evaluation.classifier_own_top5),
        f"subject right at guidance {LOW_GUIDANCE:g} and {HIGH_GUIDANCE:g}": (
            f"{share(evaluation.top5_at_low_guidance)} and {share(evaluation.top5_at_high_guidance)}"
        ),
        "mean absolute difference between two seeds (of 255)": f"{evaluation.pairwise_distance:.1f}",
        "VAE reconstruction PSNR, mean and lowest": f"{evaluation.psnr_db:.1f} and {evaluation.psnr_lowest_db:.1f} dB",
    }
    how = (
        f"The first {evaluation.subjects} emoji in emojibase's order without flags and skin tones, one caption "
        f"each in a template that training never saw, half of them with such a tag, {evaluation.seeds} seeds each, "
        f"{card.steps} steps, guidance {card.guidance:g}, {card.sampler(card.scheduler)}."
    )
    lines = [
        START,
        how,
        "",
        "| what | figure |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows.items()),
    ]
    if evaluation.companions:
        lines += ["", "| companion | measure | without | with it |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {one.name} | {one.measure} | {one.without:.3g} | {one.with_it:.3g} |" for one in evaluation.companions
        ]
    if evaluation.missed:
        lines += ["", f"Not recognised with any seed: {', '.join(evaluation.missed)}."]
    return "\n".join([*lines, END])


def with_figures(text: str, new: str) -> str:
    """The card's text with its measured part replaced, or the measured part added at the end."""
    before, found, rest = text.partition(START)
    if not found:
        return f"{text.rstrip()}\n\n{new}\n"
    return before + new + rest.partition(END)[2]


def new_card(card: ModelCard, made: str) -> str:
    """A card for a model that has none yet. `made` says how it was trained, in sentences."""
    return "\n".join(
        [
            f"# {card.title}",
            "",
            f"Draws {card.draws}." if card.draws else "",
            "",
            "## Made from",
            "",
            *(f"- {source}" for source in card.sources),
            "",
            f"From the npm packages `{PICTURES_PACKAGE}` and `{WORDS_PACKAGE}`,",
            f"by `python -m engine.emoji.train`. {made}",
            "",
            "## Limits",
            "",
            *(f"- {limit}" for limit in card.limits),
            "",
            "## Measured",
            "",
            f"{START}{END}",
            "",
        ]
    )
