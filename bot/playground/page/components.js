/** Message components, old and new (Components V2), as elements. */

import { el, icon } from "./dom.js";
import { markdown } from "./markdown.js";
import { fileCard, gallery, picture, thumbnail } from "./media.js";
import { selectMenu } from "./menus.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger" };
const LINK = 5;

const RENDERERS = {
  1: (row, context) => el("div", { class: "row" }, ...children(row, context)),
  2: (component, context) => (component.style === LINK ? linkButton(component) : pressButton(component, context)),
  3: select,
  5: select,
  6: select,
  7: select,
  8: select,
  9: (section, context) =>
    el(
      "div",
      { class: "section" },
      el("div", {}, ...children(section, context)),
      section.accessory ? component(section.accessory, context) : null,
    ),
  10: (text, { names }) => markdown(text.content, names),
  11: ({ media, description, spoiler }) => thumbnail(picture({ ...media, description, spoiler })),
  12: ({ items }) =>
    gallery(items.map(({ media, description, spoiler }) => picture({ ...media, description, spoiler }))),
  13: ({ file, name, size }) => fileCard({ url: file.url, filename: name ?? file.url.split("/").pop(), size }),
  14: ({ divider, spacing }) =>
    el("hr", { class: `${divider === false ? "blank" : ""} ${spacing === 2 ? "wide" : ""}` }),
  17: container,
};

/** `context`: `{names, world, act(custom_id, values?), isBusy(custom_id)}` of the component's message. */
export function component(data, context) {
  return (
    RENDERERS[data.type]?.(data, context) ??
    el("small", { class: "muted", textContent: `Component of type ${data.type}, which this page does not show` })
  );
}

function children(parent, context) {
  return parent.components.map((child) => component(child, context));
}

function container(data, context) {
  const box = el("div", { class: "container" }, ...children(data, context));
  if (data.accent_color !== null && data.accent_color !== undefined)
    box.style.borderInlineStartColor = colour(data.accent_color);
  if (data.spoiler) {
    box.classList.add("covered");
    box.addEventListener("click", () => box.classList.remove("covered"), { once: true });
  }
  return box;
}

export function colour(number) {
  return `#${number.toString(16).padStart(6, "0")}`;
}

function face({ emoji, label }) {
  return [
    emoji ? el("span", { class: "emoji", textContent: emoji.id ? `:${emoji.name}:` : emoji.name }) : null,
    label ? el("span", { textContent: label }) : null,
  ];
}

function linkButton(data) {
  return el(
    "a",
    { class: "button secondary", href: data.url, target: "_blank", rel: "noreferrer noopener" },
    ...face(data),
    icon("external"),
  );
}

function pressButton(data, { act, isBusy }) {
  const isWaiting = isBusy(data.custom_id);
  const button = el(
    "button",
    {
      type: "button",
      class: `button ${BUTTON_STYLES[data.style]} ${isWaiting ? "busy" : ""}`,
      disabled: Boolean(data.disabled),
      "data-custom-id": data.custom_id,
      "aria-busy": isWaiting ? "true" : null,
      "aria-label": data.label ? null : data.emoji?.name,
    },
    ...face(data),
  );
  button.addEventListener("click", () => isBusy(data.custom_id) || act(data.custom_id));
  return button;
}

function select(data, { world, act, isBusy }) {
  const options = optionsOf(data, world);
  const preset =
    data.default_values?.map(({ id }) => id) ?? options.filter((option) => option.default).map(({ value }) => value);
  const menu = selectMenu({
    label: data.placeholder,
    placeholder: data.placeholder ?? "Make a selection",
    options,
    values: preset,
    min: data.min_values ?? 1,
    max: data.max_values ?? 1,
    disabled: Boolean(data.disabled),
    onchoose: (values) => act(data.custom_id, values),
  });
  menu.dataset.customId = data.custom_id;
  menu.classList.toggle("busy", isBusy(data.custom_id));
  return menu;
}

/** What a select menu offers: its own options, or members, roles or channels. */
export function optionsOf(data, world) {
  const people = world.people.filter((person) => world.membershipOf(person));
  const members = people.map(({ id, display_name: label, username: description }) => ({
    value: id,
    label,
    description,
  }));
  const roles = world.serverRoles.map(({ id, name }) => ({ value: id, label: `@${name.replace(/^@/, "")}` }));
  const types = data.channel_types ?? [];
  const channels = world
    .roomsOf(world.server)
    .filter(({ type }) => !types.length || types.includes(type))
    .map(({ id, name }) => ({ value: id, label: `#${name}` }));
  return { 3: data.options, 5: members, 6: roles, 7: [...members, ...roles], 8: channels }[data.type];
}
