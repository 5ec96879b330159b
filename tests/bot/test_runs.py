import json

import pytest
from PIL import Image
from rows import row

from bot.runs import Run, rows_of
from engine import Picture

IMAGE = Image.new("RGB", (8, 8))


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, 2),
        ({"guidance_scale": 1.0}, 1),
        ({"num_images": 4}, 8),
        ({"prompt": "a cat AND a dog AND a hat"}, 4),
        ({"prompt": "a cat AND a dog", "guidance_scale": 1.0}, 3),
        ({"num_images": 2, "variants": json.dumps([["a cat", 7], ["a cat AND a dog", 7]])}, 5),
    ],
    ids=["guidance", "no-guidance", "four", "and", "and-no-guidance", "permutations"],
)
def test_a_run_takes_the_rows_that_the_engine_gives_its_pictures(changes, rows):
    assert Run(row(**changes), began_at=0.0).rows == rows


def test_finished_pictures_take_no_rows():
    asked = row(num_images=2, variants=json.dumps([["a cat", 7], ["a cat AND a dog", 7]]))
    run = Run(asked, began_at=0.0, pictures=[Picture(index=1, seed=7, image=IMAGE)])
    assert run.rows == rows_of(asked.request)[0]


def test_a_request_that_this_version_does_not_draw_takes_some_rows():
    assert Run(row(width=100, num_images=3), began_at=0.0).rows == 3
