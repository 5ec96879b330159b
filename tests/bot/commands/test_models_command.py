"""`/models`: what is told of everything that there is, page by page."""

from dataclasses import replace

import pytest
from bot_at_desk import CARD, bot_at_desk
from desk import ANN_ID, command_payload, press_payload
from hypothesis import given
from hypothesis import strategies as st
from lora_files import XL_WIDTH, save_lora, save_tensors

from bot.commands.models import ENTRIES_A_PAGE, models_page, size_text
from bot.inventory import KINDS, Entry, Fault, _model
from bot.markdown import utf16_length
from engine.files.catalogue import Listed

EPHEMERAL = 64


@pytest.fixture
async def world(tmp_path, monkeypatch):
    save_lora(tmp_path, "pixel_v2", title="Pixel Art", words="pixel art, 8-bit")
    save_lora(tmp_path, "grand", width=XL_WIDTH)
    (tmp_path / "loras" / "broken.safetensors").write_bytes(b"broken")
    save_tensors(tmp_path / "embeddings" / "gold.safetensors", {"<golden>": [2, 192]})
    save_tensors(tmp_path / "vae" / "clear.safetensors", {"x": [600, 1000]})
    async with bot_at_desk(tmp_path, monkeypatch, models_dir=tmp_path) as world:
        yield world


async def shown(world):
    data = (await world.answer(command_payload("models"))).body["data"]
    assert data["flags"] == EPHEMERAL
    return data


def ids(components):
    return [[button["custom_id"] for button in row["components"]] for row in components]


def entries(*kinds, **facts):
    return [Entry(kind=kind, name=f"{kind}{number}", **facts) for number, kind in enumerate(kinds)]


async def test_everything_is_told_that_is_known(world):
    first = await shown(world)
    second = (await world.answer(press_payload("models:1"))).body["data"]
    lines = [*first["content"].split("\n"), *second["content"].split("\n")]
    models = lines.index("### Models")
    assert lines[models + 1] == "**Emoji** · `emoji`"
    assert lines[models + 2].startswith("-# Stable Diffusion 1.x · ")
    assert lines[models + 2].endswith(" MB · 20 steps · licence MIT")
    loras = lines.index("### LoRAs")
    assert lines[loras + 1 : loras + 9] == [
        "**broken**",
        "-# 0.1 kB · cannot be used: its file is cut short or no safetensors file\\: 6 bytes hold no complete header",
        "**grand**",
        "-# Stable Diffusion XL · 18 kB · does not fit Emoji (Stable Diffusion 1.x)",
        "**pixel**",
        "-# 1.1 MB",
        "**Pixel Art** · `pixel_v2`",
        "-# 3.3 kB · licence MIT · trigger words: pixel art, 8-bit",
    ]
    assert lines[lines.index("### Embeddings") + 1 :][:2] == [
        "**gold**",
        "-# Stable Diffusion 1.x · 0.9 kB · trigger words: \\<golden\\>",
    ]
    assert lines[lines.index("### VAEs") + 1 :][:2] == ["**clear**", "-# 1.2 MB"]


async def test_a_page_is_turned_in_place_also_by_a_button_from_before_a_restart(world):
    first = await shown(world)
    assert first["content"].endswith("-# page 1 of 2")
    assert ids(first["components"]) == [["models:1"]]
    turned = (await world.answer(press_payload("models:1", user_id=ANN_ID))).body
    assert turned["type"] == 7
    assert turned["data"]["content"].endswith("-# page 2 of 2")
    assert ids(turned["data"]["components"]) == [["models:0"]]


def test_few_entries_need_no_buttons_and_no_number():
    page = models_page(entries("models", "loras"), 0, "en-US")
    assert page.content == "### Models\n**models0**\n### LoRAs\n**loras1**"
    assert list(page.view.children) == []


def test_a_page_that_is_gone_is_the_last():
    assert models_page(entries(*["models"] * 6), 9, "en-US").content.endswith("-# page 2 of 2")


def test_many_pages_have_a_way_to_where_each_kind_begins():
    page = models_page(entries("models", *["loras"] * 20, *["vaes"] * 3), 2, "en-US")
    buttons = [(button.label, int(button.custom_id.partition(":")[2]) % 100_000) for button in page.view.children]
    assert buttons == [("Previous", 1), ("Next", 3), ("Models", 0), ("LoRAs", 0), ("VAEs", 4)]


@given(st.lists(st.sampled_from(KINDS), max_size=60), st.integers(0, 12))
def test_all_entries_stand_on_pages_and_no_two_buttons_are_the_same(kinds, page):
    listed = entries(*sorted(kinds, key=KINDS.index))
    reply = models_page(listed, page, "en-US")
    custom_ids = [button.custom_id for button in reply.view.children]
    assert len(custom_ids) == len(set(custom_ids))
    last = max(0, (len(listed) - 1) // ENTRIES_A_PAGE)
    expected = [entry.name for entry in listed[min(page, last) * ENTRIES_A_PAGE :][:ENTRIES_A_PAGE]]
    assert [line.split("**")[1] for line in reply.content.split("\n") if line.startswith("**")] == expected


@pytest.mark.parametrize("text", ["_" * 300, "@everyone" * 40, "😀" * 300, "long words " * 30], ids=str.__len__)
def test_a_page_always_fits_a_message(text):
    listed = entries(
        *["models", "loras", "embeddings", "vaes", "vaes"],
        title=text,
        family=text,
        size_bytes=10**12,
        licence=text,
        steps=1000,
        trigger_words=(text,) * 20,
        fault=Fault(key="models-misfit", values={"lora": text, "base": text, "model": text}),
    )
    listed = [replace(entry, name=f"{text}{number}") for number, entry in enumerate(listed)]
    assert utf16_length(models_page(listed, 0, "en-US").content) <= 2000


def test_a_model_that_cannot_be_used_says_no_more_than_that():
    listed = Listed(name="odd", title="odd", size_bytes=5_000_000, fault="/srv/models/odd is broken")
    assert _model(listed).fault == Fault(key="models-faulty")
    assert models_page([_model(listed)], 0, "en-US").content == (
        "### Models\n**odd**\n-# 5.0 MB · cannot be used; the bot's log says why"
    )


def test_a_model_for_adults_says_so():
    card = replace(CARD, nsfw=True, trigger_words=("dreamy",))
    entry = _model(Listed(name="m", title="M", card=card))
    content = models_page([entry], 0, "en-US").content
    assert content.endswith("20 steps · trigger words: dreamy · in age-restricted channels only")


def test_what_files_say_of_themselves_does_not_render():
    page = models_page(
        entries("loras", title="**x** [a](https://b.c)\n# d", licence="<@1>", trigger_words=("||y||",)), 0, "en-US"
    )
    assert page.content.split("\n")[1:] == [
        "**\\*\\*x\\*\\* \\[a\\](https\\:\\/\\/b.c) # d** · `loras0`",
        "-# licence \\<\\@1\\> · trigger words: \\|\\|y\\|\\|",
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [(900, "0.9 kB"), (18_400, "18 kB"), (3_200_000, "3.2 MB"), (144_000_000, "144 MB"), (4_265_000_000, "4.3 GB")],
    ids=str,
)
def test_sizes_are_short(size, text):
    assert size_text(size, "en-US") == text
