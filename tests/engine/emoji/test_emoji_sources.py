"""Pictures and words of emoji, from the layout of the two packages."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engine.emoji.dataset import sources
from engine.emoji.dataset.sources import InvalidSource, fetch, read_emoji, read_pictures, readable


def test_emoji_come_in_emojibases_order_without_flags_and_skin_tones(emoji):
    assert [one.label for one in emoji] == [
        "grinning face",
        "red heart",
        "man with red hair",
        "dog face",
        "apple",
        "rocket",
        "soccer ball",
        "light bulb",
        "check mark",
    ]


def test_a_picture_is_found_whichever_side_names_the_variation_selector(emoji):
    assert next(one for one in emoji if one.label == "red heart").picture.stem == "2764-fe0f"


@pytest.mark.parametrize(
    ("label", "read"),
    [
        ("person: red hair", "person with red hair"),
        ("woman: bald", "bald woman"),
        ("OK hand", "ok hand"),
    ],
)
def test_labels_are_read_as_people_write(label, read):
    assert readable(label) == read


def test_pictures_are_premultiplied_and_shrunk(emoji, pictures):
    assert pictures.shape == (len(emoji), 128, 128, 4)
    assert (pictures[..., :3].max(axis=-1) <= pictures[..., 3]).all()
    assert pictures[0, 0, 0].tolist() == [0, 0, 0, 0]


def test_half_transparent_colours_are_halved(tmp_path, emoji):
    Image.new("RGBA", (256, 256), (200, 100, 50, 128)).save(tmp_path / "half.webp", lossless=True)
    [picture] = read_pictures([replace(emoji[0], picture=tmp_path / "half.webp")])
    assert np.abs(picture[64, 64].astype(int) - [100, 50, 25, 128]).max() <= 1


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("pictures", r"holds no \.webp pictures$"), ("words", r"holds no en/data\.json$"), ("both", "emoji in common$")],
)
def test_a_folder_without_its_contents_is_one_sentence(tmp_path, source, missing, sentence):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "data.json").write_text(json.dumps([]))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidSource, match=sentence):
        read_emoji(
            empty if missing == "pictures" else source,
            {"pictures": source, "words": empty, "both": tmp_path}[missing],
        )


def test_without_npm_the_sentence_says_what_else_helps(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)
    with pytest.raises(InvalidSource, match="a-package@1, is not installed; give"):
        fetch("a-package@1", tmp_path)


def test_a_failed_download_is_one_sentence(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "npm error code E404")
    monkeypatch.setattr(sources.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(sources.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InvalidSource, match=r"could not download a-package@1: .*E404"):
        fetch("a-package@1", tmp_path)


def test_a_package_that_lies_there_is_not_downloaded_again(tmp_path, monkeypatch):
    (tmp_path / "scope-name-1").mkdir()
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)
    assert fetch("@scope/name@1", tmp_path) == tmp_path / "scope-name-1"
