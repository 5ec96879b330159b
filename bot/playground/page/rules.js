/** Dialogs of rules: who may do what in a channel, and who may use which command where. */

import { el, icon } from "./dom.js";
import { selectMenu } from "./menus.js";

/** Names of the playground's permissions, with their bits and what Discord calls them. */
const PERMISSIONS = [
  ["view_channel", 10n, "View Channel"],
  ["send_messages", 11n, "Send Messages"],
  ["send_messages_in_threads", 38n, "Send Messages in Threads"],
  ["attach_files", 15n, "Attach Files"],
  ["embed_links", 14n, "Embed Links"],
  ["read_message_history", 16n, "Read Message History"],
  ["use_application_commands", 31n, "Use Application Commands"],
  ["manage_messages", 13n, "Manage Messages"],
];

/** Permissions of one channel (of a thread, its parent's), for a role or a member at a time. */
export function openPermissions(world, room) {
  const placeId = room.parent_id ?? room.id;
  let who = world.server.id;
  const place = () => world.rooms.find(({ id }) => id === placeId);
  const overwrite = () => place().permission_overwrites.find(({ id }) => id === who);
  const ruled = ([, bit]) => {
    const { allow = "0", deny = "0" } = overwrite() ?? {};
    return (BigInt(allow) >> bit) & 1n ? true : (BigInt(deny) >> bit) & 1n ? false : null;
  };
  const rule = async (name, isAllowed) => {
    const rulings = PERMISSIONS.map((each) => [each[0], each[0] === name ? isAllowed : ruled(each)]);
    const named = (wanted) => rulings.filter(([, ruling]) => ruling === wanted).map(([each]) => each);
    const names = { allow: named(true).join(" "), deny: named(false).join(" ") };
    return world.change("overwrite", { channel: placeId, who, ...names });
  };
  openDialog(`Permissions of #${place().name}`, (redraw) => [
    picked("For", whoOptions(world), who, (value) => ((who = value), redraw())),
    el(
      "ul",
      { class: "rulings" },
      ...PERMISSIONS.map((permission) =>
        el(
          "li",
          {},
          el("span", { textContent: permission[2] }),
          ruling(permission[2], ruled(permission), async (isAllowed) => {
            await rule(permission[0], isAllowed);
            redraw();
          }),
        ),
      ),
    ),
  ]);
}

/** A server's Integrations page: rules of one command (or of all that have none) at a time. */
export function openIntegrations(world) {
  const server = world.server.id;
  const all = world.bot.id;
  let command = all;
  let who = server;
  let rules = [];
  const commands = () => [
    { value: all, label: "All commands without rules of their own" },
    ...world.commands.map(({ id, type, name }) => ({ value: id, label: type === 1 ? `/${name}` : name })),
  ];
  const targets = () => [
    ...whoOptions(world),
    { value: "#", label: "All channels" },
    ...world.channels.filter(({ parent_id: parent }) => !parent).map(({ id, name }) => ({ value: id, label: `#${name}` })),
  ];
  const everywhere = String(BigInt(server) - 1n);
  const labelOf = (options, value) => options.find((option) => option.value === value)?.label ?? value;
  const ruled = () =>
    rules
      .find(({ id }) => id === command)
      ?.permissions.find(({ id }) => id === (who === "#" ? everywhere : who))?.permission ?? null;
  const rule = (commandId, target, isAllowed) =>
    world.change("rule", { server, name: commandId === all ? null : commandId, who: target, is_allowed: isAllowed });
  openDialog(`Integrations of ${world.server.name}`, async (redraw) => {
    rules = await world.ask("rules", { server });
    const standing = rules.flatMap(({ id, permissions }) =>
      permissions.map((each) => ({ ...each, command: id, target: each.id === everywhere ? "#" : each.id })),
    );
    return [
      picked("Command", commands(), command, (value) => ((command = value), redraw())),
      picked("Who or where", targets(), who, (value) => ((who = value), redraw())),
      el(
        "div",
        { class: "rulings" },
        el("span", { textContent: "Rule" }),
        ruling("Rule", ruled(), async (isAllowed) => {
          await rule(command, who, isAllowed);
          redraw();
        }),
      ),
      el(
        "ul",
        { class: "rulings", "aria-label": "Rules" },
        ...standing.map((each) =>
          el(
            "li",
            {},
            el("span", {
              textContent: `${labelOf(commands(), each.command)} · ${labelOf(targets(), each.target)}: ${each.permission ? "allowed" : "denied"}`,
            }),
            el(
              "button",
              {
                type: "button",
                class: "round",
                "aria-label": "Remove this rule",
                onclick: async () => (await rule(each.command, each.target, null), redraw()),
              },
              icon("close"),
            ),
          ),
        ),
      ),
    ];
  });
}

function whoOptions(world) {
  const members = world.people.filter((person) => world.membershipOf(person));
  return [
    ...world.serverRoles.map(({ id, name }) => ({ value: id, label: `@${name.replace(/^@/, "")}` })),
    ...members.map(({ id, display_name: name, username }) => ({ value: id, label: name, description: username })),
  ];
}

function picked(label, options, value, onpick) {
  const menu = selectMenu({ label, placeholder: label, options, values: [value], onchoose: ([chosen]) => onpick(chosen) });
  return el("div", { class: "field" }, el("label", {}, label), menu);
}

/** Three buttons of which one is pressed: denied, no rule, allowed. */
function ruling(label, isAllowed, onrule) {
  const choices = [
    [false, "Deny", "close"],
    [null, "No rule", "slash"],
    [true, "Allow", "check"],
  ];
  return el(
    "span",
    { class: "ruling", role: "group", "aria-label": label },
    ...choices.map(([value, name, drawing]) =>
      el(
        "button",
        {
          type: "button",
          title: name,
          "aria-label": `${label}: ${name}`,
          "aria-pressed": String(value === isAllowed),
          onclick: () => onrule(value),
        },
        icon(drawing),
      ),
    ),
  );
}

/** A dialog whose content is drawn anew after every press in it, with what has changed by then. */
async function openDialog(title, draw) {
  const content = el("div", { class: "fields" });
  const redraw = async () => {
    const label = document.activeElement?.getAttribute("aria-label");
    content.replaceChildren(...(await draw(redraw)));
    if (label) content.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
  };
  const close = el(
    "button",
    { type: "button", class: "round close", "aria-label": "Close", onclick: () => dialog.close() },
    icon("close"),
  );
  const heading = el("header", {}, el("h2", { id: "rules-title", textContent: title }));
  const dialog = el("dialog", { class: "modal rules", "aria-labelledby": "rules-title" }, heading, content, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#dialogs").append(dialog);
  await redraw();
  dialog.showModal();
}
