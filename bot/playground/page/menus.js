/** Menus that float above the page: lists to choose from and menus of actions, both walked with the arrow keys. */

import { el, icon } from "./dom.js";

/** Opens `items` (buttons) at `anchor`, an element or a point, as one light-dismissed menu; returns it. */
function float(anchor, items, { role, label, onclose }) {
  const menu = el("div", { class: "floating", role, "aria-label": label, popover: "auto" }, ...items);
  menu.addEventListener("keydown", (event) => walk(event, items));
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    menu.remove();
    onclose?.();
  });
  const home = anchor instanceof Element ? anchor.closest("dialog") : null;
  (home ?? document.querySelector("#dialogs")).append(menu);
  menu.showPopover();
  place(menu, anchor);
  (items.find((item) => item.getAttribute("aria-selected") === "true") ?? items[0])?.focus();
  return menu;
}

function place(menu, anchor) {
  const at = anchor instanceof Element ? anchor.getBoundingClientRect() : new DOMRect(anchor.x, anchor.y, 0, 0);
  if (anchor instanceof Element && menu.getAttribute("role") === "listbox") menu.style.minWidth = `${at.width}px`;
  const { width, height } = menu.getBoundingClientRect();
  const below = at.bottom + 4 + height <= innerHeight;
  menu.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - height - 4)}px`;
}

function walk(event, items) {
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length).focus();
}

/** A menu of `actions`: `{label, drawing, isDanger, act}`. */
export function openActions(anchor, label, actions) {
  const items = actions.map(({ label: text, drawing, isDanger, act }) =>
    el(
      "button",
      { type: "button", role: "menuitem", class: isDanger ? "danger" : "", onclick: () => (menu.hidePopover(), act()) },
      text,
      icon(drawing),
    ),
  );
  const menu = float(anchor, items, { role: "menu", label });
}

/**
 * A select menu: a button that shows what is chosen and opens the list.
 *
 * `onchoose` gets the values once a single choice is made, or when a list of several is closed with a change.
 */
export function selectMenu({ label, placeholder, options, values = [], min = 1, max = 1, disabled = false, onchoose }) {
  const chosen = new Set(values);
  const button = el("button", {
    type: "button",
    class: "select",
    "aria-haspopup": "listbox",
    "aria-label": label,
    disabled,
  });
  const show = () => {
    const labels = options.filter(({ value }) => chosen.has(value)).map((option) => option.label);
    button.replaceChildren(
      el("span", { class: labels.length ? "" : "placeholder", textContent: labels.join(", ") || placeholder }),
      icon("down"),
    );
    if (label) button.setAttribute("aria-label", `${label}: ${labels.join(", ") || placeholder}`);
  };
  const press = (value, item, menu) => {
    if (max === 1) chosen.clear();
    if (chosen.has(value)) chosen.delete(value);
    else if (chosen.size < max) chosen.add(value);
    item.setAttribute("aria-selected", String(chosen.has(value)));
    show();
    if (max === 1) menu.hidePopover();
  };
  button.addEventListener("click", () => {
    const before = [...chosen].join("\n");
    const items = options.map((option) => {
      const item = optionItem(option, chosen.has(option.value));
      item.addEventListener("click", () => press(option.value, item, menu));
      return item;
    });
    const onclose = () => [...chosen].join("\n") !== before && chosen.size >= min && onchoose([...chosen]);
    const menu = float(button, items, { role: "listbox", label: label ?? placeholder, onclose });
    menu.setAttribute("aria-multiselectable", String(max > 1));
  });
  show();
  return button;
}

function optionItem({ label, description, emoji }, isSelected) {
  return el(
    "button",
    { type: "button", role: "option", "aria-selected": String(isSelected) },
    emoji ? el("span", { class: "emoji", textContent: emoji.name }) : null,
    el("span", {}, label, description ? el("small", { textContent: description }) : null),
  );
}
