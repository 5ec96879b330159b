from PIL import Image
from rows import row

from bot.runs import Run
from engine import Picture

IMAGE = Image.new("RGB", (8, 8))


def test_finished_pictures_take_no_rows():
    run = Run(row(num_images=2), rows_of_pictures=(2, 3))
    assert run.rows == 5
    run.pictures.append(Picture(index=1, seed=7, image=IMAGE))
    assert run.rows == 2
