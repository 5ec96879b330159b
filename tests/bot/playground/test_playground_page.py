"""The page in real Chromium, with a small scripted bot behind it."""

import asyncio
import io
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image

from bot.playground import Limits, NotPossible, Playground

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)
playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
expect = playwright.expect

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
AUTOCOMPLETE, EPHEMERAL = 4, 64
PATIENCE_S = 30
PHONE = {"width": 390, "height": 844}
COMMANDS: list[Json] = [
    {
        "name": "imagine",
        "description": "Draw a picture",
        "options": [
            {"type": 3, "name": "prompt", "description": "What to draw", "required": True},
            {"type": 4, "name": "images", "description": "How many", "min_value": 1, "max_value": 4},
            {
                "type": 3,
                "name": "aspect",
                "description": "The shape",
                "choices": [{"name": "square", "value": "1:1"}, {"name": "wide 16:9", "value": "16:9"}],
            },
            {"type": 3, "name": "sampler", "description": "How", "autocomplete": True},
            {"type": 11, "name": "init_image", "description": "Start from this"},
        ],
    },
    {"name": "quota", "description": "What is left"},
    {
        "name": "shape",
        "description": "Choose a shape",
        "options": [
            {
                "type": 3,
                "name": "side",
                "description": "The shape",
                "required": True,
                "choices": [{"name": "square", "value": "1:1"}, {"name": "wide", "value": "16:9"}],
            },
            {"type": 4, "name": "count", "description": "How many"},
        ],
    },
    {"name": "Start from this", "type": 3},
    {
        "name": "limits",
        "description": "Limits",
        "default_member_permissions": "32",
        "options": [{"type": 1, "name": "show", "description": "Show the limits"}],
    },
]


def button(label: str, **more: object) -> Json:
    return {"type": 2, "style": 2, "label": label, "custom_id": label.lower(), **more}


def row(*components: Json) -> Json:
    return {"type": 1, "components": list(components)}


def message(content: str, *components: Json, flags: int = 0) -> Json:
    return {"type": 4, "data": {"content": content, "components": list(components), "flags": flags}}


def form(value: str = "") -> Json:
    inputs = [
        {"type": 18, "label": "Prompt", "component": {"type": 4, "style": 2, "custom_id": "prompt", "value": value}},
        {
            "type": 18,
            "label": "Steps",
            "component": {"type": 4, "style": 1, "custom_id": "steps", "max_length": 3, "required": False},
        },
    ]
    return {"type": 9, "data": {"title": "Edit the prompt", "custom_id": "form", "components": inputs}}


class ScriptedBot:
    """Answers each command, button and modal by its name with one callback, and those in `ignored` not at all."""

    def __init__(self, playground: Playground, session: aiohttp.ClientSession) -> None:
        self.playground = playground
        self.session = session
        self.answers: dict[str, Json] = {}
        self.choices: list[Json] = []
        self.ignored: set[str] = set()
        self.heard: asyncio.Queue[Json] = asyncio.Queue()

    async def request(self, method: str, path: str, body: Json | list[Json], *pictures: bytes) -> Any:
        data = aiohttp.FormData()
        data.add_field("payload_json", json.dumps(body), content_type="application/json")
        for number, picture in enumerate(pictures):
            data.add_field(f"files[{number}]", picture, filename=f"heart-{number + 1}.png", content_type="image/png")
        sent: Json = {"data": data} if pictures else {"json": body}
        async with self.session.request(method, self.playground.api_url + path, **sent) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.status != 204 else None

    async def send(self, content: str, *components: Json, pictures: tuple[bytes, ...] = (), **more: object) -> str:
        names = [
            {"id": str(n), "filename": f"heart-{n + 1}.png", "description": f"heart {n + 1}"}
            for n in range(len(pictures))
        ]
        body = {"content": content, "components": list(components), "attachments": names, **more}
        channel_id = self.playground.channel_id("art")
        sent = await self.request("POST", f"/channels/{channel_id}/messages", body, *pictures)
        return str(sent["id"])

    async def change(self, message_id: str, method: str = "PATCH", **body: object) -> None:
        channel_id = self.playground.channel_id("art")
        await self.request(method, f"/channels/{channel_id}/messages/{message_id}", body)

    async def serve(self, ready: asyncio.Event) -> None:
        async with self.session.ws_connect(self.playground.url.replace("http", "ws") + "/gateway") as gateway:
            hello = {"token": self.playground.token, "intents": 1, "properties": {}}
            await gateway.send_json({"op": 2, "d": hello})
            async for packet in gateway:
                event = packet.json()
                if event["t"] == "READY":
                    ready.set()
                if event["t"] == "INTERACTION_CREATE":
                    await self.answer(event["d"])

    async def answer(self, interaction: Json) -> None:
        if interaction["type"] == AUTOCOMPLETE:
            await self.call_back(interaction, {"type": 8, "data": {"choices": self.choices}})
            return
        self.heard.put_nowait(interaction)
        name = interaction["data"].get("name") or interaction["data"]["custom_id"]
        if name not in self.ignored:
            await self.call_back(interaction, self.answers.get(name, message("done")))

    async def call_back(self, interaction: Json, answer: Json) -> None:
        await self.request("POST", f"/interactions/{interaction['id']}/{interaction['token']}/callback", answer)

    async def next(self) -> Json:
        """The next command, press or form that the page sends."""
        return await asyncio.wait_for(self.heard.get(), PATIENCE_S)

    async def options(self) -> Json:
        """What the next command that the page sends is given."""
        interaction = await self.next()
        return {option["name"]: option["value"] for option in interaction["data"].get("options", [])}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as started:
        expect.set_options(timeout=PATIENCE_S * 1000)
        browser = await started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def playground() -> AsyncIterator[Playground]:
    async with Playground.open(limits=Limits(deadline_s=PATIENCE_S)) as playground:
        yield playground


@pytest_asyncio.fixture(loop_scope="module")
async def bot(playground: Playground) -> AsyncIterator[ScriptedBot]:
    headers = {"Authorization": f"Bot {playground.token}", "User-Agent": "DiscordBot (https://example.org, 1)"}
    async with aiohttp.ClientSession(headers=headers) as session:
        bot = ScriptedBot(playground, session)
        ready = asyncio.Event()
        task = asyncio.create_task(bot.serve(ready))
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
        await bot.request("PUT", f"/applications/{playground.user_id('imagine')}/commands", COMMANDS)
        yield bot
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Any, playground: Playground, bot: ScriptedBot) -> AsyncIterator[Callable[..., Any]]:
    """Opens the page as a member; at the end the browser's console must be empty."""
    complaints: list[str] = []
    contexts = []

    async def visit(user: str = "ann", viewport: Json | None = None) -> Any:
        context = await browser.new_context(viewport=viewport or {"width": 1280, "height": 800})
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", lambda line: complaints.append(f"{line.type}: {line.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{playground.url}/#{user}/art")
        await expect(page.locator("#message-box")).to_be_focused()
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def page(visit: Callable[..., Any]) -> Any:
    return await visit()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def render(browser: Any) -> AsyncIterator[Callable[[str], Any]]:
    """Turns a message's text into the HTML that the page shows."""
    script = """async (content) => {
      const names = { user: () => "Ann", role: () => "Mods", channel: () => "art" };
      return (await import("/markdown.js")).markdown(content, names).innerHTML;
    }"""
    async with Playground.open() as playground:
        page = await browser.new_page()
        await page.goto(playground.url)
        yield lambda content: page.evaluate(script, content)
        await page.close()


def box(page: Any) -> Any:
    return page.get_by_role("textbox").last


def log(page: Any) -> Any:
    return page.get_by_role("log")


async def send(page: Any, line: str) -> None:
    await box(page).fill(line)
    await box(page).press("Enter")


async def is_at_end(page: Any) -> bool:
    """Whether the log shows its end, once the browser has laid it out anew."""
    return bool(
        await page.evaluate("""async () => {
          for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
          const { scrollHeight, scrollTop, clientHeight } = document.querySelector("#scroller");
          return scrollHeight - scrollTop - clientHeight < 2;
        }""")
    )


@asynccontextmanager
async def without_reload(page: Any) -> AsyncIterator[None]:
    await page.evaluate("window.isSamePage = true")
    yield
    assert await page.evaluate("window.isSamePage")


def picture(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (128, 128), colour).save(data, "PNG")
    return data.getvalue()


async def test_the_message_box_is_the_last_text_field(page):
    await expect(page.locator("input[type=text], input:not([type]), textarea").last).to_have_attribute(
        "id", "message-box"
    )


async def test_a_whole_line_is_sent_as_it_stands(page, bot):
    bot.answers["imagine"] = message("**a red heart**")
    await send(page, "/imagine a red heart")
    assert await bot.options() == {"prompt": "a red heart"}
    await expect(log(page)).to_contain_text("Ann used /imagine")
    await expect(log(page).locator("strong")).to_have_text("a red heart")


@pytest.mark.parametrize("is_typed", [False, True], ids=["pasted", "typed"])
async def test_a_line_may_name_its_options(page, bot, is_typed):
    line = "/imagine prompt:a red heart images:3"
    await (box(page).press_sequentially(line) if is_typed else box(page).fill(line))
    await box(page).press("Enter")
    assert await bot.options() == {"prompt": "a red heart", "images": 3}


async def test_a_prompt_of_an_empty_channel_can_be_pressed(page, bot):
    bot.answers["imagine"] = message("1st in line")
    await page.locator("#prompts").get_by_role("button").first.click()
    await expect(log(page)).to_contain_text("1st in line")
    await expect(page.locator("#prompts")).to_be_hidden()


async def test_the_keyboard_alone_fills_in_a_command(page, bot):
    await page.keyboard.type("/ima")
    await expect(page.get_by_role("option", name="/imagine")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.type("a whale")
    await page.get_by_role("button", name="aspect").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("option", name="wide 16:9")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    assert await bot.options() == {"prompt": "a whale", "aspect": "16:9"}


async def test_an_autocompleted_option_offers_what_the_bot_says(page, bot):
    bot.choices = [{"name": "Euler a", "value": "euler_a"}]
    await box(page).fill("/imagine a whale")
    await page.get_by_role("button", name="sampler").click()
    await page.keyboard.type("eu")
    await page.get_by_role("option", name="Euler a").click()
    await page.keyboard.press("Enter")
    assert await bot.options() == {"prompt": "a whale", "sampler": "euler_a"}


async def test_enter_takes_the_first_completion_of_an_option_and_the_next_one_sends(page, bot):
    bot.choices = [{"name": "Euler a", "value": "euler_a"}]
    await box(page).fill("/imagine a whale")
    await page.get_by_role("button", name="sampler").click()
    await page.keyboard.type("eu")
    await expect(page.get_by_role("option", name="Euler a")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("sampler", exact=True)).to_have_value("Euler a")
    await page.keyboard.press("Enter")
    assert await bot.options() == {"prompt": "a whale", "sampler": "euler_a"}


async def test_the_first_option_offers_its_choices_also_where_it_is_named(page, bot):
    await box(page).press_sequentially("/shape side:")
    await expect(page.get_by_role("option")).to_have_text(["square", "wide"])
    await page.keyboard.type("wi")
    await expect(page.get_by_role("option")).to_have_text(["wide"])
    await page.keyboard.press("Enter")
    await expect(box(page)).to_have_value("wide")
    await page.keyboard.press("Enter")
    assert await bot.options() == {"side": "16:9"}


async def test_the_first_option_offers_nothing_while_another_is_named(page, bot):
    await box(page).press_sequentially("/shape side:wide count:3")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await page.keyboard.press("Enter")
    assert await bot.options() == {"side": "16:9", "count": 3}


async def test_an_option_without_completions_says_so(page, bot):
    await box(page).fill("/imagine a whale")
    await page.get_by_role("button", name="sampler").click()
    await expect(page.get_by_text("No options match your search.")).to_be_visible()


async def test_a_command_sent_from_an_option_gives_the_focus_back_to_the_box(page, bot):
    await box(page).fill("/imagine a whale")
    await page.get_by_role("button", name="images").click()
    await page.keyboard.type("2")
    await page.keyboard.press("Enter")
    assert await bot.options() == {"prompt": "a whale", "images": 2}
    await expect(box(page)).to_be_focused()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("9", "Must be between 1 and 4."), ("two", "Input a valid integer."), ("", "This option is required.")],
    ids=["out of range", "no number", "prompt missing"],
)
async def test_a_faulty_option_is_named_and_nothing_is_sent(page, bot, typed, sentence):
    await box(page).fill("/imagine a whale" if typed else "/imagine ")
    await page.get_by_role("button", name="images").click()
    await page.keyboard.type(typed or "2")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    assert bot.heard.empty()


async def test_a_file_can_be_given_to_a_command(page, bot):
    await box(page).fill("/imagine a whale")
    await page.get_by_role("button", name="init_image").click()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Drop a file here").click()
    await (await chooser.value).set_files({"name": "whale.png", "mimeType": "image/png", "buffer": picture("blue")})
    await expect(page.get_by_role("button", name="whale.png")).to_be_visible()
    await box(page).press("Enter")
    interaction = await bot.next()
    assert [each["filename"] for each in interaction["data"]["resolved"]["attachments"].values()] == ["whale.png"]


@pytest.mark.parametrize(("user", "count"), [("ann", 0), ("mo", 1)], ids=["member", "moderator"])
async def test_only_a_moderator_is_shown_a_moderators_command(visit, user, count):
    page = await visit(user)
    await page.keyboard.type("/")
    await expect(page.get_by_role("option", name="/quota")).to_be_visible()
    await expect(page.get_by_role("option", name="/limits show")).to_have_count(count)


async def test_an_unknown_command_is_named_and_not_said(page, playground):
    await send(page, "/limits show")
    await expect(page.get_by_role("alert").filter(has_text="/limits")).to_be_visible()
    assert playground.messages() == []


async def test_what_the_playground_refuses_is_said_above_the_box(page, playground):
    playground.overwrite("art", "ann", deny="send_messages")
    await send(page, "hello")
    await expect(page.get_by_role("alert").filter(has_text="ann may not write here")).to_be_visible()
    await expect(box(page)).to_have_value("hello")


async def test_a_playground_that_stops_says_so(browser):
    complaints: list[str] = []
    page = await browser.new_page()
    page.on("console", lambda line: complaints.append(line.text))
    async with Playground.open() as playground:
        await page.goto(playground.url)
        await expect(page.get_by_role("heading", name="Welcome to #art!")).to_be_visible()
    await expect(page.get_by_text("The playground has stopped.")).to_be_visible()
    await page.close()
    assert complaints == []


async def test_edits_and_deletions_are_live(page, bot):
    async with without_reload(page):
        first = await bot.send("step 1 of 20")
        await expect(log(page)).to_contain_text("step 1 of 20")
        await page.evaluate("document.querySelector('.message').isSameNode_ = true")
        await bot.change(first, content="step 2 of 20")
        await expect(log(page)).to_contain_text("step 2 of 20 (edited)")
        assert await page.evaluate("document.querySelector('.message').isSameNode_")
        await bot.change(first, "DELETE")
        await expect(log(page).get_by_role("listitem")).to_have_count(0)


async def test_the_log_stays_at_its_end_when_it_grows_before_the_last_scroll_is_heard_of(page, bot):
    await bot.send("\n".join(map(str, range(60))))
    await expect(log(page).get_by_text("59")).to_be_in_viewport()
    await page.evaluate("""() => {
      const filler = document.createElement("li");
      filler.style.height = "500px";
      document.querySelector("#log").append(filler);
      document.querySelector("#scroller").dispatchEvent(new Event("scroll"));
    }""")
    assert await is_at_end(page)


async def test_whoever_runs_a_command_is_taken_to_its_answer(page, bot):
    await bot.send("\n".join(map(str, range(60))))
    await page.locator("#scroller").evaluate("(scroller) => (scroller.scrollTop = 0)")
    await expect(page.get_by_role("button", name="Jump to the newest messages")).to_be_visible()
    bot.answers["quota"] = message("56 of 60 left")
    await send(page, "/quota")
    await expect(log(page).get_by_text("56 of 60 left")).to_be_in_viewport()


async def test_a_button_that_nobody_answers_says_so(page, bot, playground):
    playground.limits.deadline_s = 0.2
    bot.ignored.add("reroll")
    await bot.send("done", row(button("Reroll")))
    await page.get_by_role("button", name="Reroll").click()
    await expect(page.get_by_role("alert").filter(has_text="The application did not respond")).to_be_visible()


async def test_a_command_that_nobody_answers_says_so(page, bot, playground):
    playground.limits.deadline_s = 0.2
    bot.ignored.add("quota")
    await send(page, "/quota")
    await expect(log(page)).to_contain_text("The application did not respond")
    await page.get_by_role("button", name="Dismiss message").click()
    await expect(log(page).get_by_role("listitem")).to_have_count(0)


async def test_a_command_that_fails_late_says_so_where_it_was_run(page, bot, playground):
    playground.limits.deadline_s = 1.0
    bot.ignored.add("quota")
    await send(page, "/quota")
    await bot.next()
    await page.get_by_role("button", name="lounge", exact=True).click()
    await expect(page.get_by_role("heading", name="Welcome to #lounge!")).to_be_visible()
    await page.get_by_role("button", name="art", exact=True).click()
    await expect(log(page)).to_contain_text("The application did not respond")


async def test_a_modal_keeps_its_text_until_it_is_taken(page, bot, playground):
    bot.answers["edit"] = form("a red heart")
    bot.answers["form"] = message("taken")
    await bot.send("done", row(button("Edit")))
    await page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit the prompt")
    await expect(dialog.get_by_label("Prompt")).to_have_value("a red heart")
    await dialog.get_by_label("Steps").fill("1000")
    await dialog.get_by_role("button", name="Submit").click()
    await expect(dialog.get_by_role("alert").filter(has_text="Must be 3 characters or fewer.")).to_be_visible()
    await dialog.get_by_label("Steps").fill("30")
    await dialog.get_by_role("button", name="Submit").click()
    await expect(dialog).to_be_hidden()
    await expect(log(page)).to_contain_text("taken")


async def test_a_select_menu_is_walked_with_the_arrow_keys(page, bot):
    options = [{"label": "DDIM", "value": "ddim"}, {"label": "Euler a", "value": "euler_a"}]
    await bot.send("done", row({"type": 3, "custom_id": "sampler", "placeholder": "Sampler", "options": options}))
    bot.answers["sampler"] = message("chosen")
    await page.get_by_role("button", name="Sampler").press("Enter")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    assert (await bot.next())["data"]["values"] == ["euler_a"]


async def test_only_its_member_sees_an_ephemeral_answer(visit, bot):
    bot.answers["quota"] = message("56 of 60 left", flags=EPHEMERAL)
    ann, ben = await visit("ann"), await visit("ben")
    await send(ann, "/quota")
    await expect(log(ann)).to_contain_text("Only you can see this")
    await bot.send("for everybody")
    await expect(log(ben)).to_contain_text("for everybody")
    await expect(log(ben)).not_to_contain_text("56 of 60 left")
    await ann.get_by_role("button", name="Dismiss message").click()
    await expect(log(ann)).not_to_contain_text("56 of 60 left")


async def test_a_deferred_answer_is_thinking(page, bot):
    bot.answers["quota"] = {"type": 5}
    await send(page, "/quota")
    await expect(log(page)).to_contain_text("imagine is thinking…")


async def test_a_link_to_a_message_goes_there(page, bot, playground):
    first = await bot.send("the first")
    place = f"{playground.info()['guild_id']}/{playground.channel_id('art')}/{first}"
    await bot.send(f"look at https://discord.com/channels/{place}")
    await page.get_by_role("link", name="message").click()
    await expect(page.locator(f"#message-{first}")).to_be_focused()


async def test_pictures_open_large_and_the_arrows_go_on(page, bot):
    await bot.send("two hearts", pictures=(picture("red"), picture("blue")))
    await expect(page.get_by_role("img", name="heart 2")).to_be_visible()
    await page.get_by_role("button", name="Enlarge: heart 1").click()
    dialog = page.get_by_role("dialog", name="Enlarged picture")
    await expect(dialog.get_by_role("img", name="heart 1")).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await expect(dialog.get_by_role("img", name="heart 2")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_a_member_deletes_their_own_message_by_keyboard(page):
    await send(page, "oops")
    await expect(log(page)).to_contain_text("oops")
    await page.get_by_role("button", name="More about this message").press("Enter")
    await page.keyboard.press("End")
    await expect(page.get_by_role("menuitem", name="Delete message")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(log(page).get_by_role("listitem")).to_have_count(0)


async def test_a_member_may_not_delete_a_strangers_message(page, bot):
    await bot.send("mine")
    await log(page).get_by_text("mine").click(button="right")
    await expect(page.get_by_role("menuitem", name="Copy message ID")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Delete message")).to_have_count(0)


async def test_a_command_of_a_messages_menu_is_run_on_the_message(page, bot):
    said = await bot.send("a red heart")
    await log(page).get_by_text("a red heart").click(button="right")
    await page.get_by_role("menuitem", name="Start from this").click()
    interaction = await bot.next()
    assert interaction["data"]["target_id"] == said
    await expect(log(page)).to_contain_text("Ann used Start from this")


async def test_a_button_that_goes_leaves_the_focus_on_its_message(page, bot):
    first = await bot.send("waiting", row(button("Cancel")))
    bot.answers["cancel"] = {"type": 7, "data": {"content": "cancelled", "components": []}}
    await page.get_by_role("button", name="Cancel").press("Enter")
    await expect(log(page)).to_contain_text("cancelled")
    await expect(page.locator(f"#message-{first}")).to_be_focused()


async def test_without_a_name_one_acts_as_the_first_member_and_not_as_the_bots_owner(browser, playground, bot):
    page = await browser.new_page()
    await page.goto(f"{playground.url}/")
    await expect(page.get_by_role("button", pressed=True)).to_contain_text("Ann")
    await expect(page.get_by_role("button", name=re.compile("^(Ann|Ben|Mo|Oda)")).last).to_contain_text("Oda")
    await page.close()


async def test_a_phone_reaches_channels_and_members(visit, bot, playground):
    page = await visit(viewport=PHONE)
    await page.get_by_role("button", name="Acting as Ann").click()
    await page.get_by_role("button", name="Mo Moderator").click()
    await page.get_by_role("button", name="Channels and members").click()
    await page.get_by_role("button", name="lounge").click()
    await send(page, "good evening")
    await expect(log(page)).to_contain_text("good evening")
    said = playground.messages(user="mo", channel="lounge")[0]
    assert said["author"]["username"] == "mo"
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


async def test_an_answer_names_the_message_that_it_answers(page, bot, playground):
    first = await bot.send("the first")
    await bot.send("ready", message_reference={"message_id": first})
    await page.get_by_role("button", name="the first").click()
    await expect(page.locator(f"#message-{first}")).to_be_focused()


async def test_components_v2_show_text_pictures_and_buttons(page, bot):
    gallery = {"type": 12, "items": [{"media": {"url": "attachment://heart-1.png"}, "description": "a heart"}]}
    parts = [{"type": 10, "content": "## Hearts"}, gallery, {"type": 14}, row(button("Reroll"))]
    channel_id = bot.playground.channel_id("art")
    body = {"flags": 1 << 15, "components": [{"type": 17, "components": parts}]}
    body["attachments"] = [{"id": "0", "filename": "heart-1.png"}]
    await bot.request("POST", f"/channels/{channel_id}/messages", body, picture("red"))
    await expect(page.get_by_role("heading", name="Hearts")).to_be_visible()
    await expect(page.get_by_role("img", name="a heart")).to_be_visible()
    await expect(page.get_by_role("button", name="Reroll")).to_be_visible()


@pytest.mark.parametrize(
    ("content", "html"),
    [
        (r"\*plain\*", "*plain*"),
        (r"\_\_a\_\_ \~\~b\~\~ \`c\`", "__a__ ~~b~~ `c`"),
        (r"\<@1> \@everyone \# no", "&lt;@1&gt; @everyone # no"),
        ("<@1> in <#2>", '<span class="mention">@Ann</span> in <span class="mention">#art</span>'),
        ("**a *b* c**", "<strong>a <em>b</em> c</strong>"),
        ("`**code**`", "<code>**code**</code>"),
        ("snake_case_name", "snake_case_name"),
        ("-# small", '<small class="subtext">small</small>'),
        ("> said\nmore", "<blockquote>said</blockquote>more"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("__a__ ~~b~~", "<u>a</u> <s>b</s>"),
        ("one\n- two", "one\n<ul><li>two</li></ul>"),
    ],
    ids=[
        "escape",
        "escapes",
        "no mention",
        "mention",
        "nested",
        "code",
        "underscores",
        "subtext",
        "quote",
        "no html",
        "lines",
        "list",
    ],
)
async def test_markdown_is_discords(render, content, html):
    assert await render(content) == html


async def test_times_are_relative_to_now(render):
    assert re.search(r">\d+ years ago</time>$", await render("ready <t:1500000000:R>"))


@pytest_asyncio.fixture(loop_scope="module")
async def furnished(browser: Any) -> AsyncIterator[tuple[Any, Playground]]:
    """The page of a playground with everything in it, as ann; at the end the browser's console must be empty."""
    complaints: list[str] = []
    async with Playground.open(is_furnished=True) as playground:
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", lambda line: complaints.append(f"{line.type}: {line.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{playground.url}/#ann/art")
        await expect(page.locator("#message-box")).to_be_focused()
        yield page, playground
        await context.close()
    assert complaints == []


async def choose(page: Any, opener: str, item: str) -> None:
    await page.get_by_role("button", name=opener, exact=True).click()
    await page.get_by_role("menuitem", name=item, exact=True).click()


async def test_servers_channels_threads_and_direct_messages_are_walked(furnished):
    page, playground = furnished
    names = page.locator("#channels .channel-name")
    playground_s = [
        "art", "sketches", "lounge", "news", "patrons", "after-dark", "showcase", "hearts", "imagine"
    ]  # fmt: skip
    await expect(names).to_have_text(playground_s)
    await expect(page.locator("#channels li", has_text="after-dark")).to_contain_text("18+")
    await page.get_by_role("button", name="hearts").click()
    await send(page, "a post")
    await expect(log(page)).to_contain_text("a post")
    await page.get_by_role("button", name="Server Workshop").click()
    await expect(names).to_have_text(["bench", "shelf", "imagine"])
    await send(page, "in the other server")
    await expect(log(page)).to_contain_text("in the other server")
    await page.get_by_role("button", name="imagine", exact=True).click()
    await send(page, "for the bot alone")
    await expect(log(page)).to_contain_text("for the bot alone")
    assert [playground.messages(channel=name)[0]["content"] for name in ("hearts", "bench", "@dm")] == [
        "a post", "in the other server", "for the bot alone"
    ]  # fmt: skip


async def test_a_member_sees_only_the_channels_that_their_roles_open(furnished):
    page, _ = furnished
    channels = page.locator("#channels")
    await expect(channels).to_contain_text("patrons")
    await choose(page, "Controls for Ann", "Take role Patrons")
    await expect(channels).not_to_contain_text("patrons")
    await page.locator("[data-user=mo]").click()
    await expect(channels).to_contain_text("staff")


@pytest.mark.parametrize(
    ("item", "standing"),
    [
        ("Time out for 10 minutes", "Timed out until"),
        ("Remove from server", "Not a member"),
        ("Ban", "Banned"),
        ("Give role Patrons", "Members, Patrons"),
    ],
)
async def test_what_is_done_to_a_member_stands_under_their_name(furnished, item, standing):
    page, _ = furnished
    await choose(page, "Controls for Ben", item)
    await expect(page.locator("[data-user=ben]")).to_contain_text(standing)


async def test_who_is_removed_while_one_acts_as_them_is_taken_elsewhere(furnished):
    page, _ = furnished
    await choose(page, "Controls for Ann", "Remove from server")
    await expect(page.locator("#room")).to_have_text("bench")
    await page.get_by_role("button", name="Server Playground").click()
    await expect(page.locator("#room")).to_have_text("imagine")
    await choose(page, "Controls for Ann", "Let join the server")
    await page.get_by_role("button", name="art", exact=True).click()
    await expect(page.locator("#room")).to_have_text("art")


async def test_a_deleted_channel_is_left_for_another(furnished):
    page, playground = furnished
    await choose(page, "Channel controls", "Delete channel")
    await expect(page.locator("#room")).to_have_text("lounge")
    assert "art" not in playground.info()["channels"]


async def test_slow_mode_is_set_and_said(furnished):
    page, _ = furnished
    await choose(page, "Channel controls", "Slow mode: 10 s")
    await expect(page.get_by_label("Slow mode: 10 s")).to_be_visible()
    await send(page, "one")
    await send(page, "two")
    await expect(page.get_by_role("alert").filter(has_text="slow mode")).to_be_visible()


async def test_permissions_of_a_channel_are_taken_and_given_back(furnished):
    page, playground = furnished
    await choose(page, "Channel controls", "Permissions")
    await page.get_by_role("button", name="Send Messages: Deny").click()
    await expect(page.get_by_role("button", name="Send Messages: Deny")).to_have_attribute("aria-pressed", "true")
    with pytest.raises(NotPossible, match="may not write"):
        playground.say("hello")
    await page.get_by_role("button", name="Send Messages: No rule").click()
    await expect(page.get_by_role("button", name="Send Messages: No rule")).to_have_attribute("aria-pressed", "true")
    playground.say("hello")


async def test_the_bot_is_kicked_and_invited(furnished):
    page, playground = furnished
    await choose(page, "Server controls", "Kick the bot")
    await page.get_by_role("button", name="Server controls").click()
    await expect(page.get_by_role("menuitem", name="Invite the bot")).to_be_visible()
    assert not playground.info()["servers"][0]["has_bot"]


async def test_the_integrations_page_takes_a_command_from_a_member(page, bot, playground):
    await choose(page, "Server controls", "Integrations")
    await page.get_by_role("button", name="Command: All commands").click()
    await page.get_by_role("option", name="/quota").click()
    await page.get_by_role("button", name="Who or where: @everyone").click()
    await page.get_by_role("option", name="Ann ann").click()
    await page.get_by_role("button", name="Rule: Deny").click()
    await expect(page.get_by_role("list", name="Rules")).to_contain_text("/quota · Ann: denied")
    assert {each["name"] for each in playground.commands() if each["hidden"]} == {"limits", "quota"}
    await page.get_by_role("button", name="Remove this rule").click()
    await expect(page.get_by_role("list", name="Rules")).to_be_empty()
    assert {each["name"] for each in playground.commands() if each["hidden"]} == {"limits"}


async def test_members_roles_and_channels_are_chosen_in_select_menus(page, bot):
    kinds = {5: ("who", "Ben"), 6: ("role", "@Moderators"), 7: ("any", "@Moderators"), 8: ("place", "#lounge")}
    menus = [row({"type": kind, "custom_id": name, "placeholder": name}) for kind, (name, _) in kinds.items()]
    await bot.send("choose", *menus)
    for name, wanted in kinds.values():
        await page.locator(f"[data-custom-id={name}]").click()
        await page.get_by_role("option", name=wanted).click()
        chosen = (await bot.next())["data"]
        kind = {"who": "users", "role": "roles", "any": "roles", "place": "channels"}[name]
        assert list(chosen["resolved"][kind]) == chosen["values"]
