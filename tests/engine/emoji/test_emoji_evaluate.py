"""The evaluation's measures, classifier, card and contact sheet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import find_model
from engine.emoji.dataset.colours import COLOURS
from engine.emoji.dataset.scenes import SQUARE, Placed, Scene, draw
from engine.emoji.dataset.sources import InvalidSource
from engine.emoji.dataset.styles import gilded, pixelated
from engine.emoji.evaluate import __main__ as evaluate_main
from engine.emoji.evaluate import classifier as classifier_module
from engine.emoji.evaluate import evaluation, sheet
from engine.emoji.evaluate.classifier import train_classifier
from engine.emoji.evaluate.companions import Effect, blockiness, colourfulness, effects, goldness
from engine.emoji.evaluate.evaluation import Evaluation, evaluate
from engine.emoji.evaluate.measures import background_of, mean_pairwise_distance, reconstruction_psnr
from engine.emoji.evaluate.painter import Painter
from engine.emoji.evaluate.report import figures, new_card, with_figures
from engine.emoji.evaluate.sheet import COLUMNS, PROMPTS, contact_sheet


@pytest.fixture(scope="module")
def painter():
    return Painter(find_model("emoji").path)


@pytest.fixture(scope="module")
def classifier(pictures, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(classifier_module, "BATCH", 16)
    patch.setattr(classifier_module, "CHECKED", 4)
    yield train_classifier(pictures, tmp_path_factory.mktemp("classifier"), seed=1, steps=80)
    patch.undo()


@pytest.mark.parametrize("colour", COLOURS)
def test_a_background_is_named_by_its_corners(pictures, colour):
    picture = draw(Scene(size=SQUARE, background=colour, placed=(Placed(emoji=2),)), pictures)
    noisy = np.clip(picture.astype(int) + np.random.default_rng(1).integers(-20, 21, picture.shape), 0, 255)
    noisy[-6:, -6:] = 120  # the fourth corner may hold anything
    assert background_of(noisy.astype(np.uint8)) == colour


def test_pictures_of_one_seed_have_no_distance(pictures):
    one = pictures[0, ..., :3]
    assert mean_pairwise_distance([one, one]) == 0
    assert mean_pairwise_distance(
        [np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 10, np.uint8)] * 2
    ) == pytest.approx(40 / 6)


class Offset:
    """A VAE that gives back each picture a little brighter."""

    def encode(self, pixels):
        self.latent_dist = self
        self._pixels = pixels
        return self

    def mode(self):
        return self._pixels

    def decode(self, latents):
        self.sample = latents + 0.02
        return self


def test_psnr_is_in_decibels_of_the_whole_range():
    found = reconstruction_psnr(Offset(), np.full((17, 8, 8, 3), 100, np.uint8))
    assert found.shape == (17,)
    assert found == pytest.approx(20 * np.log10(2 / 0.02), abs=0.01)


def test_the_classifier_names_pictures_of_the_data(classifier, pictures):
    shown = np.stack(
        [draw(Scene(size=SQUARE, background="teal", placed=(Placed(emoji=index),)), pictures) for index in range(9)]
    )
    found = classifier.first_five(shown)
    assert found.shape == (9, 5)
    assert (found[:, 0] == np.arange(9)).sum() >= 6
    assert classifier.own_top5 > 0.8


def test_a_trained_classifier_is_kept(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_module, "BATCH", 2)
    monkeypatch.setattr(classifier_module, "CHECKED", 1)
    first = train_classifier(pictures, tmp_path, seed=1, steps=2)
    monkeypatch.setattr(torch.optim, "AdamW", None)
    again = train_classifier(pictures, tmp_path, seed=1, steps=2)
    assert (again.first_five(pictures[..., :3]) == first.first_five(pictures[..., :3])).all()


NO_COMPANIONS = Path("nowhere")


class Copyist:
    """Draws exactly what its caption names, or always the first emoji, or always on white."""

    def __init__(self, painter, emoji, pictures, fault=None):
        self.card, self.pipeline, self.folder = painter.card, painter.pipeline, NO_COMPANIONS
        self._labels, self._pictures, self._fault = [one.label for one in emoji], pictures, fault
        self.labels = []

    def draw(self, captions, seeds, *, guidance=None, size=None):
        drawn = []
        for caption in captions:
            index = next(number for number, label in enumerate(self._labels) if label in caption)
            self.labels.append(self._labels[index])
            colour = next((colour for colour in COLOURS if f" {colour} background" in caption), "white")
            wrong_subject = self._fault == "subject" or (
                (self._fault == "guidance" and guidance == evaluation.LOW_GUIDANCE)
                or (self._fault == "words" and caption != f"{self._labels[index]} on a {colour} background")
            )
            placed = Placed(emoji=0 if wrong_subject else index, side=40 if wrong_subject else 128)
            drawn.append(
                draw(
                    Scene(size=SQUARE, background="white" if self._fault == "background" else colour, placed=(placed,)),
                    self._pictures,
                )
            )
        return np.stack(drawn)


@pytest.fixture
def measure(painter, emoji, pictures, tmp_path, monkeypatch, classifier):
    monkeypatch.setattr(evaluation, "train_classifier", lambda *_, **__: classifier)
    listed = tmp_path / "subjects.txt"
    listed.write_text("".join(f"{one.code} {one.label}\n" for one in emoji), "utf-8")
    monkeypatch.setattr(evaluation, "SUBJECTS_FILE", listed)

    def with_fault(fault=None):
        return evaluate(Copyist(painter, emoji, pictures, fault), emoji, pictures, tmp_path, seeds=2)

    return with_fault


def test_a_perfect_painter_is_found_perfect(measure):
    found = measure()
    assert found.background_right == 1.0
    assert found.subject_in_top5 > 0.8
    assert found.pairwise_distance == 0.0
    assert found.subjects == 9
    assert found.psnr_db > 25


def test_a_wrong_background_is_found(measure):
    assert measure("background").background_right < 0.4


def test_a_wrong_subject_is_found(measure):
    found = measure("subject")
    assert found.subject_in_top5 < measure().subject_in_top5
    assert found.missed


def test_what_guidance_does_is_found(measure):
    found = measure("guidance")
    assert found.top5_at_low_guidance < found.top5_at_high_guidance


def test_whether_it_is_the_words_that_are_not_understood_is_found(measure):
    found = measure("words")
    assert found.subject_in_top5 < found.top5_in_plain_words == measure().top5_in_plain_words


def test_only_listed_subjects_are_drawn_in_the_order_of_the_list(
    painter, emoji, pictures, tmp_path, monkeypatch, classifier
):
    monkeypatch.setattr(evaluation, "train_classifier", lambda *_, **__: classifier)
    copyist = Copyist(painter, emoji, pictures)
    found = evaluate(copyist, emoji, pictures, tmp_path, seeds=1)
    listed = ["grinning face", "red heart", "man with red hair"]
    assert copyist.labels[:3] == listed
    assert set(copyist.labels) == set(listed)
    assert found.subjects == len(listed)


def test_data_without_any_listed_emoji_is_refused(painter, emoji, pictures, tmp_path, monkeypatch, classifier):
    monkeypatch.setattr(evaluation, "train_classifier", lambda *_, **__: classifier)
    unlisted = [one for one in emoji if one.group == "objects"]
    with pytest.raises(InvalidSource, match=r"none of the emoji in subjects\.txt"):
        evaluate(painter, unlisted, pictures, tmp_path)


def test_the_list_holds_three_hundred_different_emoji():
    codes = [line.split(" ", 1)[0] for line in evaluation.SUBJECTS_FILE.read_text("utf-8").splitlines()]
    assert len(codes) == len(set(codes)) == evaluation.SUBJECTS


def test_the_painter_draws_other_sizes_and_repeats_itself(painter):
    first, second = (painter.draw(["a dog face"], [3], size=(192, 128)) for _ in range(2))
    assert first.shape == (1, 128, 192, 3)
    assert (first == second).all()
    assert (first != painter.draw(["a dog face"], [4], size=(192, 128))).any()


def test_pixelated_grey_and_golden_pictures_are_measured_as_such(pictures):
    picture = draw(Scene(size=SQUARE, background="white", placed=(Placed(emoji=4),)), pictures)
    golden = draw(Scene(size=SQUARE, background="white", placed=(Placed(emoji=4),)), gilded(pictures))
    assert blockiness(pixelated(picture)) == 0 < blockiness(picture)
    assert colourfulness(np.repeat(picture[..., :1], 3, axis=-1)) == 0 < colourfulness(picture)
    assert goldness(golden) > 0.9
    assert goldness(picture) < 0.2


def test_a_model_without_companions_has_no_effects(painter):
    assert effects(painter, NO_COMPANIONS) == ()


FOUND = Evaluation(
    subjects=300,
    seeds=4,
    background_right=0.991,
    subject_in_top5=0.86,
    top5_in_plain_words=0.94,
    classifier_own_top5=0.98,
    top5_at_low_guidance=0.5,
    top5_at_high_guidance=0.8,
    pairwise_distance=21.04,
    psnr_db=30.84,
    psnr_lowest_db=23.5,
    missed=("leg",),
    companions=(Effect("pixel", "difference from 8x8 blocks", 8.04, 1.5),),
)


def test_the_card_tells_every_figure(painter):
    text = figures(FOUND, painter.card)
    for figure in (
        "99.1%",
        "86.0%",
        "94.0%",
        "98.0%",
        "50.0% and 80.0%",
        "21.0",
        "30.8 and 23.5 dB",
        "first 300 emoji",
        "4 seeds",
        "leg",
        "| 8.04 | 1.5 |",
    ):
        assert figure in text


def test_new_figures_take_the_place_of_old_ones(painter):
    card = with_figures(new_card(painter.card, "Made."), figures(FOUND, painter.card)) + "\nmore words\n"
    again = with_figures(card, "<!-- measured -->new<!-- /measured -->")
    assert "99.1%" not in again
    assert again.endswith("more words\n")
    assert again.startswith("# Emoji\n")


def test_a_card_without_figures_gets_them_at_its_end():
    assert with_figures("# X\n", "figures") == "# X\n\nfigures\n"


def test_the_contact_sheet_shows_all_its_prompts(painter, monkeypatch):
    monkeypatch.setattr(painter, "card", painter.card.__class__(title="x", width=128, height=128, steps=1))
    page = contact_sheet(painter)
    assert page.size == (COLUMNS * 136 + 8, len(PROMPTS) // COLUMNS * (128 + sheet.CAPTION_HEIGHT) + 8)
    assert len(set(PROMPTS)) == 64


def test_the_command_prints_json_and_writes_card_and_sheet(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluate_main, "evaluate", lambda *_, **__: FOUND)
    monkeypatch.setattr(evaluate_main, "contact_sheet", lambda _: sheet.Image.new("RGB", (8, 8)))
    card, page = tmp_path / "CARD.md", tmp_path / "sheet.png"
    options = ["--pictures", source, "--words", source, "--json", "--card", card, "--sheet", page]
    assert evaluate_main.main([str(option) for option in options]) == 0
    assert json.loads(capsys.readouterr().out)["background_right"] == 0.991
    assert "99.1%" in card.read_text()
    assert page.exists()


def test_a_folder_without_a_model_is_one_sentence(tmp_path, capsys):
    assert evaluate_main.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
