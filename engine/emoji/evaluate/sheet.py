"""The contact sheet: 64 prompts on one page, to be looked at with open eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from engine.emoji.evaluate.painter import Painter

PROMPTS = (
    "a red heart on a blue background",
    "a cat face on a yellow background",
    "a dog face",
    "a strawberry",
    "a pizza",
    "a rocket on a black background",
    "a unicorn on a pink background",
    "a robot",
    "a ghost on a purple background",
    "an octopus",
    "a tree",
    "a bicycle",
    "a bee on a white background",
    "a birthday cake",
    "a hamburger on a teal background",
    "an avocado",
    "a whale on a blue background",
    "a fox",
    "a panda on a green background",
    "a penguin",
    "a frog",
    "a butterfly",
    "a rainbow",
    "a sunflower on a blue background",
    "a cactus on an orange background",
    "a mushroom",
    "a soccer ball on a green background",
    "a guitar",
    "a trophy on a red background",
    "a crown on a purple background",
    "a key",
    "a light bulb on a black background",
    "a grinning face",
    "a face with tears of joy on a pink background",
    "a smiling face with heart-eyes",
    "a smiling face with sunglasses on a blue background",
    "a crying face",
    "an angry face on a black background",
    "a thinking face",
    "a partying face on a purple background",
    "a skull on a red background",
    "an alien on a teal background",
    "a clown face",
    "a pile of poo on a yellow background",
    "thumbs up",
    "a raised fist on an orange background",
    "clapping hands",
    "eyes on a gray background",
    "a blue cat face",
    "a purple dog face",
    "a green apple on a red background",
    "a pink elephant",
    "a yellow airplane on a blue background",
    "an orange fish",
    "a cat and a pizza",
    "a dog face to the left of a heart",
    "a sun above a house",
    "a star on the left on a black background",
    "a castle",
    "a sailboat on a blue background",
    "a fire on a black background",
    "a snowman on a teal background",
    "an ice cream on a pink background",
    "a coffee on a brown background",
)
COLUMNS, CAPTION_HEIGHT, MARGIN = 8, 30, 8
SEED = 7


def contact_sheet(painter: Painter) -> Image.Image:
    """All 64 at the model's own size, each above its prompt, with one seed for all."""
    drawn = painter.draw(PROMPTS, [SEED] * len(PROMPTS))
    height, width = drawn.shape[1:3]
    cell = (width + MARGIN, height + CAPTION_HEIGHT)
    sheet = Image.new("RGB", (COLUMNS * cell[0] + MARGIN, len(PROMPTS) // COLUMNS * cell[1] + MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=10)
    for number, (prompt, picture) in enumerate(zip(PROMPTS, drawn, strict=True)):
        left, top = MARGIN + number % COLUMNS * cell[0], MARGIN + number // COLUMNS * cell[1]
        sheet.paste(Image.fromarray(picture), (left, top))
        pen.multiline_text((left, top + height + 1), _wrapped(prompt), fill="black", font=font, spacing=1)
    return sheet


def _wrapped(prompt: str, width: int = 25) -> str:
    if len(prompt) <= width:
        return prompt
    cut = prompt.rfind(" ", 0, width)
    return f"{prompt[:cut]}\n{prompt[cut + 1 :]}"
