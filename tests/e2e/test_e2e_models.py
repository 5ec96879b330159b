"""Two models in one bot, which take turns in memory: asked for, listed, and gone on with after a power cut."""

import pytest
import pytest_asyncio
from bot_process import opened_playground
from conftest import copied_model

pytestmark = pytest.mark.timeout(400)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def studio(new_bot, new_room, tmp_path_factory):
    """A bot with another model beside the bundled one, and the rooms of a member for each."""
    models_dir = tmp_path_factory.mktemp("models")
    twin = copied_model(models_dir).rename(models_dir / "twin")
    (twin / "model.toml").write_text('title = "Twin Peaks"\nsteps = 3\nsize = "64x64"\n')
    settings = {"MODELS_DIR": str(models_dir), "MODEL_MEMORY_GB": "0", "UNCHECKED_MODELS": "anywhere"}
    async with opened_playground() as playground, new_bot(playground, **settings) as bot:
        await bot.start()
        yield bot, new_room(playground), new_room(playground)


async def test_members_who_ask_for_different_models_are_both_served(studio):
    bot, ann, ben = studio
    asked = await ann.imagine("a heart", steps=2)
    message = await ben.draw("a cat", model="twin")
    assert "Twin Peaks" in message["content"]
    assert [picture["width"] for picture in message["attachments"]] == [64]
    assert "Twin Peaks" not in (await ann.finished(asked["message"]["id"]))["content"]
    assert bot.log.index("models_left models=emoji") < bot.log.index("model_loaded model=twin")


async def test_models_lists_both_and_help_tells_of_the_other(studio):
    _, ann, _ = studio
    listed = (await ann.command("models"))["message"]["content"]
    assert "**Emoji** · `emoji`" in listed
    assert "**Twin Peaks** · `twin`" in listed
    assert "Another model is here, too" in (await ann.command("help"))["message"]["content"]


async def test_after_a_power_cut_each_request_goes_on_with_its_own_model(studio):
    bot, ann, ben = studio
    running = await ann.imagine("a long heart", steps=60)
    await ann.running(running["message"]["id"])
    waiting = await ben.imagine("a late cat", model="twin")
    await bot.kill()
    await bot.start()
    messages = [await ann.finished(running["message"]["id"]), await ben.finished(waiting["message"]["id"])]
    assert ["Twin Peaks" in message["content"] for message in messages] == [False, True]
    rows = await bot.ended_rows("prompt IN ('a long heart', 'a late cat')")
    assert [(row["model"], row["state"], row["charged"]) for row in rows] == [("emoji", "done", 1), ("twin", "done", 1)]
