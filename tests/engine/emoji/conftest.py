"""A handful of drawn emoji with words, in the layout of the two packages."""

from __future__ import annotations

import json

import pytest
from PIL import Image, ImageDraw

from engine.emoji.dataset.captions import Captions
from engine.emoji.dataset.scenes import pools
from engine.emoji.dataset.sources import read_emoji, read_pictures

ROWS = (
    # (code points, label, tags, group, order), not in order, as in emojibase
    ("1F436", "dog face", ["dog", "pet", "puppy"], 3, 40),
    ("1F600", "grinning face", ["face", "grin", "smile"], 0, 1),
    ("2764", "red heart", ["love", "heart"], 0, 9),
    ("1F468-200D-1F9B0", "man: red hair", ["adult", "redhead"], 1, 20),
    ("1F34E", "apple", ["fruit", "food", "crisp"], 4, 60),
    ("1F680", "rocket", ["space", "launch"], 5, 70),
    ("26BD", "soccer ball", ["ball", "sport"], 6, 80),
    ("1F3F4", "black flag", ["flag"], 9, 99),
    ("1F3FB", "light skin tone", ["skin"], 2, 30),
    ("1F4A1", "light bulb", ["idea"], 7, 90),
    ("2705", "check mark", ["done"], 8, 95),
)
FILL = ("#d33", "#fc3", "#e22", "#a63", "#e33", "#99c", "#eee", "#000", "#fdc", "#ffa", "#3c3")


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A folder with `assets/*.webp` and `en/data.json`."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "assets").mkdir()
    (folder / "en").mkdir()
    for number, ((code, *_), fill) in enumerate(zip(ROWS, FILL, strict=True)):
        image = Image.new("RGBA", (256, 256))
        pen = ImageDraw.Draw(image)
        shape = (pen.ellipse, pen.rectangle, pen.rounded_rectangle)[number % 3]
        shape((40, 40, 216, 216), fill=fill)
        pen.ellipse((90 + 5 * number, 90, 120 + 5 * number, 120), fill="#222")
        # The heart's file has the variation selector that its row lacks.
        name = f"{code.lower()}-fe0f" if code == "2764" else code.lower()
        image.save(folder / "assets" / f"{name}.webp", lossless=True)
    rows = [
        {"hexcode": code, "label": label, "tags": tags, "group": group, "order": order}
        for code, label, tags, group, order in ROWS
    ]
    rows.append({"hexcode": "1F9FF", "label": "without a picture", "tags": [], "group": 7, "order": 91})
    rows.append({"hexcode": "1F1E6", "label": "without a group", "tags": [], "order": 92})
    (folder / "en" / "data.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture(scope="session")
def emoji(source):
    return read_emoji(source, source)


@pytest.fixture(scope="session")
def pictures(emoji):
    return read_pictures(emoji)


@pytest.fixture(scope="session")
def all_pools(emoji):
    return pools(emoji, seed=1)


@pytest.fixture(scope="session")
def pool_of(all_pools):
    return {pool.name: pool for pool in all_pools}


@pytest.fixture(scope="session")
def captions(emoji):
    return Captions(emoji)
