/** The page: its parts are built and tied together here. */

import { channelActions } from "./acts.js";
import { Composer } from "./composer.js";
import { avatar, el } from "./dom.js";
import { Log } from "./log.js";
import { openActions } from "./menus.js";
import { openModal } from "./modal.js";
import { drawSidebar, symbolOf } from "./sidebar.js";
import { keepCurrent } from "./timestamps.js";
import { World } from "./world.js";

const SENDING_SHOWN_AFTER_MS = 300;
const PROMPTS = ["a red heart on a blue background", "a strawberry on a white background", "a red apple"];

const find = (selector) => document.querySelector(selector);
const world = new World();

const actions = {
  /** Runs a command; while it is on its way, and when nobody answers, the channel says so. */
  run(command, options) {
    return follow(command, `/${command}`, world.ask("command", { name: command, options }));
  },

  /** Runs a command of `message`'s menu. */
  runOn(message, command) {
    return follow(command, command, world.ask("menu", { name: command, message: message.id }));
  },

  /** Says `content`; the sentence that says why not, where it was refused. */
  async say(content) {
    log.scrollToEnd();
    const { error } = await world.ask("say", { content });
    return error ?? "";
  },

  async press(message, customId, values) {
    const key = `${message.id}/${customId}`;
    world.busy.add(key);
    world.failures.delete(message.id);
    world.changed();
    const result = await world.ask(values ? "select" : "click", { message: message.id, custom_id: customId, values });
    world.busy.delete(key);
    fail(message, failureOf(result));
    if (result.modal) showModal(result);
  },

  async remove(message) {
    const { error } = await world.ask("delete", { message: message.id });
    if (error) fail(message, error);
  },

  dropNote(key) {
    world.drop(world.notes.find((note) => note.key === key));
  },

  jumpTo(id) {
    log.jumpTo(id);
  },

  openMenu(anchor, message) {
    const isEphemeral = Boolean(message.flags & 64);
    const mayDelete = message.author.id === world.me.id || world.membershipOf(world.me)?.moderator;
    openActions(anchor, "Message", [
      ...(message.content
        ? [{ label: "Copy text", drawing: "copy", act: () => copy(message.content, "Text copied.") }]
        : []),
      { label: "Copy message ID", drawing: "copy", act: () => copy(message.id, "Message ID copied.") },
      ...world.visibleCommands(3).map(({ name }) => ({
        label: name,
        drawing: "apps",
        act: () => actions.runOn(message, name),
      })),
      ...(isEphemeral ? [{ label: "Dismiss message", drawing: "close", act: () => actions.remove(message) }] : []),
      ...(mayDelete && !isEphemeral
        ? [{ label: "Delete message", drawing: "trash", isDanger: true, act: () => actions.remove(message) }]
        : []),
    ]);
  },
};

const log = new Log(
  { scroller: find("#scroller"), list: find("#log"), welcome: find("#welcome"), toEnd: find("#to-end") },
  actions,
);
const composer = new Composer(find("#composer"), world, actions);

/** Shows that `command`, written as `shown`, is on its way, and what comes of it, where and by whom it was run. */
async function follow(command, shown, asked) {
  const { user, channel, newest: after, bot, me: member } = world;
  const line = { user, channel, after, bot, member, command, shown };
  let note = null;
  const timer = setTimeout(
    () => (note = world.isAnswered(line) ? null : world.note(line)),
    SENDING_SHOWN_AFTER_MS,
  );
  log.scrollToEnd();
  const result = await asked;
  clearTimeout(timer);
  if (note) world.drop(note);
  const failure = failureOf(result);
  if (failure) world.note({ ...line, failure });
  if (result.modal) showModal(result);
}

/** The sentence of a result that is none, in Discord's words. */
function failureOf({ error, state }) {
  if (error) return error;
  return state?.startsWith("failed: application")
    ? "The application did not respond"
    : state?.startsWith("failed")
      ? "This interaction failed"
      : "";
}

function fail(message, sentence) {
  if (sentence) world.failures.set(message.id, sentence);
  world.changed();
}

function showModal({ modal, token }) {
  openModal(modal, world, async (values) => {
    const result = await world.ask("modal", { token, values });
    return failureOf(result) && (result.error ?? "Something went wrong. Try again.");
  });
}

async function copy(text, sentence) {
  const isCopied = await navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
  toast(isCopied ? sentence : "The browser did not allow copying.");
}

function toast(sentence) {
  const shown = el("div", { class: "toast", textContent: sentence });
  find("#status").replaceChildren(shown);
  setTimeout(() => shown.remove(), 2000);
}

function drawFrame() {
  const { server, room, me } = world;
  const shown = world.isDirect ? room.label : `#${room.label}`;
  document.title = `${shown} | ${server.name}`;
  find("#symbol").replaceChildren(symbolOf(room));
  find("#room").textContent = room.label;
  find("#topic").textContent = room.topic ?? "";
  find("#welcome-symbol").replaceChildren(symbolOf(room));
  find("#welcome-room").textContent = shown;
  find("#channel-controls").hidden = world.isDirect;
  find("#acting").replaceChildren(avatar(me));
  find("#acting").setAttribute("aria-label", `Acting as ${me.display_name}: change`);
  find("#log").setAttribute("aria-label", `Messages in ${shown}`);
  const trouble = world.isOnline
    ? world.isBotConnected
      ? ""
      : "The bot is not connected yet."
    : "The playground has stopped. Start it again, then come back to this page.";
  find("#trouble").textContent = trouble;
  for (const button of find("#prompts").children)
    button.disabled = !world.visibleCommands(1).some(({ name }) => name === "imagine");
}

async function go({ user = world.user, channel = world.channel, server = world.serverId }) {
  setDrawer(false);
  const hasUserChanged = user !== world.user;
  if (hasUserChanged) world.failures.clear();
  Object.assign(world, { user, channel, serverId: server });
  world.settle();
  location.replace(`#${user}/${world.channel}`);
  composer.reset();
  drawSidebar(world, go);
  await world.read();
  find(hasUserChanged ? `[data-user="${CSS.escape(user)}"]` : "#message-box").focus();
}

/** A link to a message of this server goes there inside the page. */
async function followJump(event, anchor) {
  const room = anchor && world.rooms.find(({ id }) => id === anchor.dataset.channel);
  if (!room) return;
  event.preventDefault();
  if (room.name !== world.channel) await go({ channel: room.name });
  log.jumpTo(anchor.dataset.message);
}

function setDrawer(isOpen) {
  document.body.classList.toggle("drawer-open", isOpen);
  find("#drawer").setAttribute("aria-expanded", String(isOpen));
}

function wireFrame() {
  const toggle = () => setDrawer(!document.body.classList.contains("drawer-open"));
  find("#drawer").addEventListener("click", toggle);
  find("#acting").addEventListener("click", toggle);
  find("#channel-controls").addEventListener("click", ({ currentTarget }) =>
    openActions(currentTarget, "Channel", channelActions(world)),
  );
  world.onrefusal = toast;
  find("#shade").addEventListener("click", () => setDrawer(false));
  document.addEventListener("keydown", ({ key }) => key === "Escape" && setDrawer(false));
  document.addEventListener("click", (event) => followJump(event, event.target.closest("a[data-message]")));
  find("#prompts").replaceChildren(
    ...PROMPTS.map((prompt) =>
      el(
        "button",
        { type: "button", class: "prompt", onclick: () => actions.run("imagine", { prompt }) },
        el("span", { class: "mention", textContent: "/imagine" }),
        ` ${prompt}`,
      ),
    ),
  );
}

async function start() {
  wireFrame();
  await world.open(decodeURIComponent(location.hash.slice(1)).split("/"));
  composer.open();
  world.onchange(() => drawSidebar(world, go));
  world.onchange(drawFrame);
  world.onchange((changed) => log.update(changed));
  world.onchange((changed) => composer.update(changed));
  world.changed();
  keepCurrent();
  if (matchMedia("(hover: hover)").matches) find("#message-box").focus();
}

start();
