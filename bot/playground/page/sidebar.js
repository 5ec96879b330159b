/** The sidebar: servers, the channels of one of them with their threads and posts, and whom one can act as. */

import { memberActions, serverActions } from "./acts.js";
import { avatar, el, icon } from "./dom.js";
import { openActions } from "./menus.js";

const DIRECT = 1;
const FORUM = 15;

let drawn = "";

/** Draws it anew where something of it has changed; `go({user, channel})` goes there. */
export function drawSidebar(world, go) {
  const facts = JSON.stringify([world.servers, world.rooms, world.people, world.user, world.channel]);
  if (facts === drawn) return;
  drawn = facts;
  const find = (selector) => document.querySelector(selector);
  find("#server").textContent = world.server.name;
  find("#server-controls").onclick = ({ currentTarget }) =>
    openActions(currentTarget, "Server", serverActions(world));
  find("#servers").hidden = world.servers.length < 2;
  find("#servers").replaceChildren(...world.servers.map((server) => serverItem(server, world, go)));
  find("#channels").replaceChildren(...world.channels.map((room) => channelItem(room, world, go)));
  find("#members").replaceChildren(...world.members.map((member) => memberItem(member, world, go)));
}

function serverItem(server, world, go) {
  const initials = server.name.slice(0, 1).toUpperCase();
  return el(
    "li",
    {},
    el("button", {
      type: "button",
      class: "server",
      title: server.name,
      "aria-label": `Server ${server.name}`,
      "aria-current": server.id === world.server.id ? "true" : null,
      textContent: initials,
      onclick: () => go({ channel: world.firstRoom(server)?.name ?? "@dm", server: server.id }),
    }),
  );
}

function channelItem(room, world, go) {
  const marks = [
    room.nsfw && !room.parent_id ? el("span", { class: "mark", textContent: "18+", title: "Age-restricted" }) : null,
    room.rate_limit_per_user ? mark("clock", `Slow mode: ${room.rate_limit_per_user} s`) : null,
    world.isClosedToEveryone(room) ? mark("lock", "Not everybody sees this channel") : null,
  ];
  const face = [el("span", { class: "hash", "aria-hidden": "true" }, symbolOf(room)), label(room.label), ...marks];
  if (room.type === FORUM) return el("li", {}, el("span", { class: "channel forum" }, ...face));
  return el(
    "li",
    {},
    el(
      "button",
      {
        type: "button",
        class: `channel ${room.parent_id ? "nested" : room.type === DIRECT ? "direct" : ""}`,
        "aria-current": room.name === world.channel ? "page" : null,
        onclick: () => go({ channel: room.name }),
      },
      ...face,
    ),
  );
}

/** What stands before a room's name: a hash, or a drawing for forums, threads and direct messages. */
export function symbolOf(room) {
  const drawing = { 1: "at", 11: "thread", 15: "forum" }[room.type];
  return drawing ? icon(drawing) : "#";
}

function label(text) {
  return el("span", { class: "channel-name", textContent: text });
}

function mark(drawing, title) {
  return el("span", { class: "mark", title, role: "img", "aria-label": title }, icon(drawing));
}

function memberItem(member, world, go) {
  const text = el(
    "span",
    { class: "member-name" },
    member.display_name,
    el("small", { textContent: world.standingOf(member) }),
  );
  const isHere = Boolean(world.membershipOf(member));
  return el(
    "li",
    { class: isHere ? "person" : "person away" },
    el(
      "button",
      {
        type: "button",
        class: "member",
        "data-user": member.username,
        "aria-pressed": String(member.username === world.user),
        onclick: () => go({ user: member.username }),
      },
      avatar(member),
      text,
    ),
    el(
      "button",
      {
        type: "button",
        class: "round",
        "aria-label": `Controls for ${member.display_name}`,
        "aria-haspopup": "menu",
        onclick: ({ currentTarget }) => openActions(currentTarget, member.display_name, memberActions(member, world)),
      },
      icon("more"),
    ),
  );
}
