/** The list above the message box: commands, or what the option in hand can be. The text field keeps the focus. */

import { el } from "./dom.js";

const HEIGHT_PX = 420;
const GAP_PX = 8;

export class Picker {
  #items = [];
  #field = null;
  #onpick = null;

  constructor(root) {
    this.root = root;
    this.active = -1;
    root.addEventListener("mousedown", (event) => event.preventDefault());
  }

  get isOpen() {
    return !this.root.hidden;
  }

  /**
   * Lists `items` (`{name, detail, note, value}`) for `field`; `active` is the one that Enter takes, -1 for none.
   *
   * Where there are none it says `empty`, or stays closed.
   */
  open(field, heading, items, { active = 0, empty, onpick }) {
    this.close();
    if (!items.length && !empty) return;
    this.#items = items;
    this.#field = field;
    this.#onpick = onpick;
    const rows = items.map((item, index) => {
      const row = el(
        "div",
        { role: "option", id: `picker-${index}`, class: "choice" },
        el("span", { class: "choice-name", textContent: item.name }),
        item.detail ? el("span", { class: "choice-detail", textContent: item.detail }) : null,
        item.note ? el("span", { class: "choice-note", textContent: item.note }) : null,
      );
      row.addEventListener("mousemove", () => this.active !== index && this.#activate(index));
      row.addEventListener("click", () => onpick(item));
      return row;
    });
    if (!rows.length) rows.push(el("div", { class: "muted none", textContent: empty }));
    this.root.replaceChildren(el("div", { class: "picker-heading", textContent: heading }), ...rows);
    this.root.hidden = false;
    const above = this.root.parentElement.getBoundingClientRect().top;
    this.root.style.maxHeight = `${Math.min(HEIGHT_PX, above - 2 * GAP_PX)}px`;
    field.setAttribute("aria-controls", this.root.id);
    this.wasMoved = false;
    this.#activate(Math.min(active, items.length - 1));
  }

  close() {
    this.root.hidden = true;
    this.root.replaceChildren();
    this.#field?.removeAttribute("aria-activedescendant");
    this.#items = [];
    this.active = -1;
  }

  move(by) {
    const count = this.#items.length;
    if (!count) return;
    this.wasMoved = true;
    this.#activate(this.active < 0 && by < 0 ? count - 1 : (this.active + by + count) % count);
  }

  /** Takes the active item; false where there is none. */
  take() {
    if (!this.isOpen || this.active < 0) return false;
    this.#onpick(this.#items[this.active]);
    return true;
  }

  #activate(index) {
    this.active = index;
    const rows = this.root.querySelectorAll(".choice");
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === index)));
    if (index < 0) return this.#field.removeAttribute("aria-activedescendant");
    this.#field.setAttribute("aria-activedescendant", `picker-${index}`);
    rows[index].scrollIntoView({ block: "nearest" });
  }
}
