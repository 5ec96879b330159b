"""A playground per test, and a small discord.py bot that lives in it."""

import asyncio
import contextlib
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import discord
import pytest
import yarl
from discord import app_commands
from PIL import Image

from bot.playground import Playground

DOCUMENT = os.environ.get("DISCORD_OPENAPI")


@pytest.fixture
async def playground():
    async with Playground.open(openapi=Path(DOCUMENT) if DOCUMENT else None) as playground:
        yield playground
        assert playground.own_errors == []


@pytest.fixture
def document():
    """Where Discord's OpenAPI document lies."""
    if not DOCUMENT:
        pytest.skip("DISCORD_OPENAPI names no copy of Discord's OpenAPI document")
    return Path(DOCUMENT)


@pytest.fixture
def png():
    """A small red picture."""
    data = io.BytesIO()
    Image.new("RGB", (16, 8), "red").save(data, "PNG")
    return data.getvalue()


class Rest:
    """Requests by hand, as a bot that is not discord.py sends them."""

    def __init__(self, playground, session):
        self._playground = playground
        self._session = session

    async def __call__(self, method, path, body=None, *, files=(), token=None, headers=None):
        """The status and the JSON of the answer."""
        token = self._playground.token if token is None else token
        headers = {"Authorization": f"Bot {token}", "User-Agent": "DiscordBot (test)", **(headers or {})}
        if files:
            form = aiohttp.FormData()
            named = [{"id": str(number), "filename": name} for number, (name, _) in enumerate(files)]
            form.add_field(
                "payload_json", json.dumps({"attachments": named, **(body or {})}), content_type="application/json"
            )
            for number, (name, data) in enumerate(files):
                form.add_field(f"files[{number}]", data, filename=name)
            arguments = {"data": form}
        else:
            arguments = {"json": body} if body is not None else {}
        url = self._playground.api_url + path
        async with self._session.request(method, url, headers=headers, **arguments) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def post(self, content="hello", *, channel="art", **body):
        """Write a message as the bot; the message."""
        path = f"/channels/{self._playground.channel_id(channel)}/messages"
        status, message = await self("POST", path, {"content": content, **body})
        assert status == 200, message
        return message


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def rest(playground, session):
    return Rest(playground, session)


IMAGINE = {
    "name": "imagine",
    "description": "Draw",
    "options": [
        {"type": 3, "name": "prompt", "description": "What", "required": True},
        {"type": 4, "name": "images", "description": "How many", "min_value": 1, "max_value": 4},
        {"type": 3, "name": "sampler", "description": "How", "choices": [{"name": "Euler a", "value": "euler_a"}]},
        {"type": 5, "name": "draft", "description": "Fast"},
    ],
}
LIMITS = {
    "name": "limits",
    "description": "Limits",
    "default_member_permissions": "32",
    "contexts": [0],
    "options": [
        {
            "type": 1,
            "name": "set",
            "description": "Set one",
            "options": [
                {"type": 3, "name": "limit", "description": "Which", "required": True},
                {"type": 4, "name": "value", "description": "How much", "required": True},
                {"type": 6, "name": "member", "description": "Whose"},
            ],
        },
        {"type": 1, "name": "show", "description": "Show them"},
    ],
}


@pytest.fixture
async def registered(rest, playground):
    """A bot without discord.py, whose commands are known and which answers by hand."""
    status, _ = await rest("PUT", f"/applications/{playground.user_id('imagine')}/commands", [IMAGINE, LIMITS])
    assert status == 200
    return rest


class Answering:
    """What a bot can do with one interaction's token."""

    def __init__(self, rest, playground, result):
        self.result = result
        self._rest = rest
        self.callback_path = f"/interactions/{result['id']}/{result['token']}/callback?with_response=1"
        self.webhook_path = f"/webhooks/{playground.user_id('imagine')}/{result['token']}"
        self.original_path = f"{self.webhook_path}/messages/@original"

    async def callback(self, type_, data=None, **more):
        return await self._rest("POST", self.callback_path, {"type": type_, "data": data or {}}, token="", **more)

    async def follow_up(self, content="more", **body):
        return await self._rest("POST", self.webhook_path, {"content": content, **body}, token="")

    async def original(self, method="GET", body=None, **more):
        return await self._rest(method, self.original_path, body, token="", **more)


@pytest.fixture
def invoke(registered, playground):
    """Let ann run /imagine without waiting; what the bot can do with it."""

    async def invoke(**where):
        return Answering(
            registered, playground, await playground.command("imagine", {"prompt": "a heart"}, wait=0, **where)
        )

    return invoke


@pytest.fixture
def complete(registered, playground):
    """Let ann type an option without waiting for its choices; what the bot can do with it."""

    async def complete():
        return Answering(
            registered, playground, await playground.autocomplete("imagine", "sampler", {"sampler": "eu"}, wait=0)
        )

    return complete


@pytest.fixture
def standing_clock(playground, monkeypatch):
    """Time passes in the playground by `advance` alone."""
    monkeypatch.setattr("bot.playground.clock.time", SimpleNamespace(time=lambda: 2_000_000_000.0))


@pytest.fixture
def press(registered, playground):
    """Let a member press a button without waiting; what the bot can do with it."""

    async def press(message, custom_id="again", user="ann"):
        return Answering(registered, playground, await playground.click(message["id"], custom_id, user=user, wait=0))

    return press


@pytest.fixture
def ctl(playground, session):
    """The control API over HTTP: the status and the JSON of the answer."""

    async def ctl(op, headers=None, **facts):
        async with session.post(f"{playground.url}/_ctl/{op}", json=facts, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    return ctl


class AgainButton(discord.ui.DynamicItem[discord.ui.Button], template=r"again:(?P<number>\d+)"):
    def __init__(self, number):
        super().__init__(discord.ui.Button(label="Again", custom_id=f"again:{number}"))
        self.number = int(number)

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls(match["number"])

    async def callback(self, interaction):
        await interaction.response.edit_message(content=f"again {self.number}", view=None)


class EditForm(discord.ui.Modal, title="Edit"):
    prompt = discord.ui.Label(text="Prompt", component=discord.ui.TextInput(custom_id="prompt", max_length=100))

    async def on_submit(self, interaction):
        await interaction.response.send_message(f"edited to {self.prompt.component.value}", ephemeral=True)


class EditButton(discord.ui.DynamicItem[discord.ui.Button], template=r"edit:(?P<number>\d+)"):
    def __init__(self, number):
        super().__init__(discord.ui.Button(label="Edit", custom_id=f"edit:{number}"))

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls(match["number"])

    async def callback(self, interaction):
        await interaction.response.send_modal(EditForm(custom_id="form:1"))


class StyleSelect(discord.ui.DynamicItem[discord.ui.Select], template=r"style:1"):
    def __init__(self):
        options = [discord.SelectOption(label=name.title(), value=name) for name in ("ink", "photo")]
        super().__init__(discord.ui.Select(custom_id="style:1", options=options))

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls()

    async def callback(self, interaction):
        await interaction.response.send_message(f"style {interaction.data['values'][0]}", ephemeral=True)


class PersonSelect(discord.ui.DynamicItem[discord.ui.UserSelect], template=r"person:1"):
    def __init__(self):
        super().__init__(discord.ui.UserSelect(custom_id="person:1"))

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls()

    async def callback(self, interaction):
        [chosen] = self.item.values
        await interaction.response.send_message(f"{chosen.name} {len(chosen.roles)}", ephemeral=True)


class ThingSelect(discord.ui.DynamicItem[discord.ui.MentionableSelect], template=r"thing:1"):
    def __init__(self):
        super().__init__(discord.ui.MentionableSelect(custom_id="thing:1", max_values=2))

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls()

    async def callback(self, interaction):
        kinds = [type(chosen).__name__ for chosen in self.item.values]
        await interaction.response.send_message(" ".join(kinds), ephemeral=True)


class RoleSelect(discord.ui.DynamicItem[discord.ui.RoleSelect], template=r"role:1"):
    def __init__(self):
        super().__init__(discord.ui.RoleSelect(custom_id="role:1"))

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls()

    async def callback(self, interaction):
        await interaction.response.send_message(self.item.values[0].name, ephemeral=True)


class PlaceSelect(discord.ui.DynamicItem[discord.ui.ChannelSelect], template=r"place:1"):
    def __init__(self):
        super().__init__(discord.ui.ChannelSelect(custom_id="place:1", channel_types=[discord.ChannelType.text]))

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls()

    async def callback(self, interaction):
        [chosen] = self.item.values
        may_write = chosen.permissions.send_messages
        await interaction.response.send_message(f"{chosen.name} {may_write}", ephemeral=True)


class ChoiceForm(discord.ui.Modal, title="Choose"):
    role = discord.ui.Label(text="Role", component=discord.ui.RoleSelect(custom_id="role", required=False))
    place = discord.ui.Label(text="Channel", component=discord.ui.ChannelSelect(custom_id="place"))

    async def on_submit(self, interaction):
        names = [chosen.name for chosen in (*self.role.component.values, *self.place.component.values)]
        await interaction.response.send_message(" ".join(names), ephemeral=True)


class Bot(discord.AutoShardedClient):
    """What a drawing bot does, without drawing."""

    def __init__(self, picture):
        super().__init__(intents=discord.Intents(guilds=True))
        self.picture = picture
        self.tree = app_commands.CommandTree(self)
        self.hold = asyncio.Event()
        self.seen = []
        self.tree.add_command(app_commands.Command(name="imagine", description="Draw", callback=self._imagine))
        self.tree.add_command(app_commands.Command(name="choose", description="Choose", callback=self._choose))
        self.tree.add_command(app_commands.Command(name="form", description="Fill in", callback=self._form))
        self.tree.add_command(app_commands.Command(name="slow", description="Defer", callback=self._slow))
        self.tree.add_command(app_commands.Command(name="silent", description="Say nothing", callback=self._silent))
        self.tree.add_command(app_commands.ContextMenu(name="Start from this", callback=self._start_from))
        models = app_commands.Command(name="models", description="Choose one", callback=self._choose_model)
        models.autocomplete("model")(self._complete_model)
        self.tree.add_command(models)
        limits = app_commands.Group(
            name="limits",
            description="Limits",
            guild_only=True,
            default_permissions=discord.Permissions(manage_guild=True),
        )
        limits.add_command(app_commands.Command(name="set", description="Set one", callback=self._set_limit))
        self.tree.add_command(limits)

    async def setup_hook(self):
        self.add_dynamic_items(AgainButton, EditButton, StyleSelect, PersonSelect, RoleSelect, ThingSelect, PlaceSelect)
        await self.tree.sync()

    async def on_socket_event_type(self, event_type):
        self.seen.append(event_type)

    async def _imagine(
        self,
        interaction: discord.Interaction,
        prompt: app_commands.Range[str, 1, 1000],
        images: app_commands.Range[int, 1, 4] = 1,
        start: discord.Attachment | None = None,
    ):
        self.interaction = interaction
        size = f" from {len(await start.read())} bytes" if start else ""
        view = discord.ui.View(timeout=None)
        view.add_item(AgainButton(1)).add_item(EditButton(1)).add_item(StyleSelect())
        files = [
            discord.File(io.BytesIO(self.picture), f"heart-{number}.png", description=prompt)
            for number in range(images)
        ]
        await interaction.response.send_message(
            f"**{prompt}**{size}", files=files, view=view, allowed_mentions=discord.AllowedMentions.none()
        )

    async def _choose(self, interaction: discord.Interaction):
        view = discord.ui.View(timeout=None)
        for item in (PersonSelect(), RoleSelect(), ThingSelect(), PlaceSelect()):
            view.add_item(item)
        await interaction.response.send_message("Choose", view=view)

    async def _form(self, interaction: discord.Interaction):
        await interaction.response.send_modal(ChoiceForm())

    async def _slow(self, interaction: discord.Interaction):
        await interaction.response.defer()
        await self.hold.wait()
        await interaction.edit_original_response(content="finished")

    async def _silent(self, interaction: discord.Interaction):
        self.interaction = interaction

    async def _start_from(self, interaction: discord.Interaction, message: discord.Message):
        await interaction.response.send_message(f"{message.content} in {message.channel}")

    async def _choose_model(self, interaction: discord.Interaction, model: str, steps: int = 20):
        await interaction.response.send_message(f"{model} {steps}")

    async def _complete_model(self, interaction: discord.Interaction, current: str):
        steps = interaction.namespace.steps
        names = [name for name in ("Emoji", "Euclid", "SD 1.5") if name.lower().startswith(current.lower())]
        return [app_commands.Choice(name=f"{name} ({steps} steps)", value=name.lower()) for name in names]

    async def _set_limit(
        self, interaction: discord.Interaction, limit: str, value: int, member: discord.Member | None = None
    ):
        await interaction.response.send_message(f"{limit} {value} {member}", ephemeral=True)


@contextlib.asynccontextmanager
async def living(bot, playground):
    """The bot on the gateway, as `DISCORD_API_URL` would send it there."""
    patch = pytest.MonkeyPatch()
    patch.setattr(discord.http.Route, "BASE", playground.api_url)
    patch.setattr(
        discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(playground.url.replace("http", "ws") + "/gateway")
    )
    running = asyncio.create_task(bot.start(playground.token))
    try:
        await playground.wait_for(lambda: playground.is_connected and playground.commands())
        yield bot
    finally:
        await bot.close()
        await asyncio.wait([running])
        patch.undo()


@pytest.fixture
def new_bot(png):
    """A bot that is not yet connected."""
    return lambda: Bot(png)


@pytest.fixture
async def bot(playground, new_bot):
    async with living(new_bot(), playground) as bot:
        yield bot


@pytest.fixture
def revive(playground, new_bot):
    """A second life: another bot process would look the same from here."""
    return lambda: living(new_bot(), playground)
