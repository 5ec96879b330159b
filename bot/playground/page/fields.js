/** One option of the command in hand, as a field of the panel above the message box. */

import { ATTACHMENT } from "./commands.js";
import { bytes, el, icon } from "./dom.js";

export class OptionField {
  constructor(option, text, { onkey, onedit, onfocus, onblur, onremove }) {
    Object.assign(this, { option, text, picked: null, offered: null, file: null });
    this.error = el("small", { class: "error", id: `option-${option.name}-error`, role: "alert" });
    const isFile = option.type === ATTACHMENT;
    this.input = isFile ? this.#chooser() : this.#textInput();
    this.input.addEventListener("keydown", (event) => isFile || onkey(event));
    this.input.addEventListener("input", () => isFile || onedit(this.input.value));
    this.input.addEventListener("focus", () => isFile || onfocus());
    this.input.addEventListener("blur", onblur);
    const remove = el(
      "button",
      { type: "button", class: "round", "aria-label": `Remove ${option.name}`, onclick: onremove },
      icon("close"),
    );
    const label = el(
      "label",
      { for: this.input.id, title: option.description },
      option.name,
      option.required ? el("span", { class: "required", title: "required", textContent: " *" }) : null,
    );
    this.element = el(
      "div",
      { class: "option-field" },
      el("div", { class: "option" }, label, this.input, option.required ? null : remove),
      this.error,
    );
  }

  focus() {
    this.input.focus();
  }

  /** Shows `sentence` under the field; an empty one takes it away. */
  complain(sentence) {
    this.error.textContent = sentence;
    this.element.classList.toggle("wrong", Boolean(sentence));
    this.input.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  attach(file) {
    this.file = file;
    this.complain("");
    this.#showFile(icon("file"), `${file.name} (${bytes(file.size)})`);
  }

  #showFile(drawing, text) {
    this.input.replaceChildren(drawing, text);
    this.input.setAttribute("aria-label", `${this.option.name}: ${text}`);
  }

  #textInput() {
    return el("input", {
      id: `option-${this.option.name}`,
      type: "text",
      value: this.text,
      autocomplete: "off",
      placeholder: this.option.description,
      "aria-describedby": this.error.id,
      "aria-required": String(Boolean(this.option.required)),
    });
  }

  #chooser() {
    const dialog = el("input", { type: "file", onchange: () => dialog.files[0] && this.attach(dialog.files[0]) });
    this.input = el("button", {
      type: "button",
      id: `option-${this.option.name}`,
      class: "chooser",
      onclick: () => dialog.click(),
    });
    this.#showFile(icon("attachment"), "Drop a file here or choose one");
    return this.input;
  }
}
