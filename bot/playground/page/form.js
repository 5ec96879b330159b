/** The command in hand: its options as fields, what they can be, and the values once all of them are right. */

import { ATTACHMENT, parseLine, primaryOption } from "./commands.js";
import { el, icon } from "./dom.js";
import { OptionField } from "./fields.js";
import { check, choicesOf, chosen, encoded } from "./options.js";

const AUTOCOMPLETE_PAUSE_MS = 150;

/**
 * The primary option is written in the message box, the others in the panel above it.
 *
 * `parts`: `{box, panel, picker, world, say(sentence), onkey(event, field), onleave()}`.
 */
export class CommandForm {
  #fields = new Map();
  #autocomplete = 0;

  constructor(command, texts, parts) {
    Object.assign(this, parts);
    this.command = command;
    const primary = primaryOption(command);
    for (const option of command.options) {
      if (option.required || option === primary || option.name in texts) this.#add(option, texts[option.name]);
    }
    this.primary = this.#fields.get(primary?.name) ?? null;
    const hint = primary ? `${primary.name}: ${primary.description}` : "Enter sends the command";
    this.box.value = this.primary?.text ?? "";
    this.box.placeholder = hint;
    this.box.setAttribute("aria-label", hint);
    this.#draw();
  }

  close() {
    clearTimeout(this.#autocomplete);
    this.picker.close();
    this.panel.hidden = true;
    this.panel.replaceChildren();
    this.box.removeAttribute("aria-invalid");
  }

  /** The text of `field` is now `text`. */
  edit(field, text) {
    field.text = text;
    this.#complain(field, "");
    this.suggest(field);
  }

  /** Offers what `field` can be. */
  suggest(field) {
    const { option } = field;
    const text = this.#searched(field);
    const choices = choicesOf(option, this.world);
    clearTimeout(this.#autocomplete);
    if (text === undefined) this.picker.close();
    else if (option.autocomplete) this.#autocomplete = setTimeout(() => this.#complete(field), AUTOCOMPLETE_PAUSE_MS);
    else if (!choices) this.picker.close();
    else if (chosen(choices, text)) this.#offer(field, choices, choices.indexOf(chosen(choices, text)));
    else
      this.#offer(
        field,
        choices.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase())),
        0,
      );
  }

  /** Whether Enter takes the marked suggestion: not where the text is already one, nor where the line is to be sent. */
  takesChoice() {
    const field = [...this.#fields.values()].find((one) => this.#inputOf(one) === document.activeElement);
    if (!field || this.picker.active < 0) return false;
    if (this.picker.wasMoved) return true;
    const choices = field.offered ?? choicesOf(field.option, this.world);
    return Boolean(field.text.trim() && !chosen(choices, field.text));
  }

  /** Gives `file` to the first option that still lacks one; false where there is none. */
  attach(file) {
    const lacks = ({ type, name }) => type === ATTACHMENT && !this.#fields.get(name)?.file;
    const option = this.command.options.find(lacks);
    if (!option) return false;
    (this.#fields.get(option.name) ?? this.#add(option)).attach(file);
    this.#draw();
    return true;
  }

  /** The values by option name; null where one is wrong, which then says so and has the focus. */
  async values() {
    if (this.primary) this.#separate();
    const checked = [...this.#fields.values()].map((field) => [field, check(field, this.world)]);
    for (const [field, { error }] of checked) this.#complain(field, error ?? "");
    const [wrong] = checked.find(([, { error }]) => error) ?? [];
    if (wrong) {
      this.#inputOf(wrong).focus();
      return null;
    }
    const given = checked.filter(([, { value }]) => value !== undefined);
    const plain = async ([{ option }, { value }]) => [
      option.name,
      value instanceof File ? await encoded(value) : value,
    ];
    return Object.fromEntries(await Promise.all(given.map(plain)));
  }

  #add(option, text = "") {
    const field = new OptionField(option, text, {
      onkey: (event) => this.onkey(event, field),
      onedit: (value) => this.edit(field, value),
      onfocus: () => this.suggest(field),
      onblur: () => this.picker.close(),
      onremove: () => {
        this.#fields.delete(option.name);
        this.#draw();
        this.box.focus();
      },
    });
    this.#fields.set(option.name, field);
    return field;
  }

  #draw() {
    const { path, description, options } = this.command;
    const leave = { type: "button", class: "round", "aria-label": `Leave /${path}`, onclick: this.onleave };
    const rows = [...this.#fields.values()].filter((field) => field !== this.primary).map((field) => field.element);
    const unset = options.filter(({ name }) => !this.#fields.has(name)).map((option) => this.#chip(option));
    const title = [el("b", { textContent: `/${path}` }), el("span", { textContent: description })];
    this.panel.replaceChildren(
      el("header", {}, ...title, el("button", leave, icon("close"))),
      el("div", { class: "option-fields" }, ...rows),
      unset.length ? el("div", { class: "chips", role: "group", "aria-label": "Optional" }, ...unset) : "",
    );
    this.panel.hidden = false;
  }

  #chip(option) {
    const onclick = () => {
      const field = this.#add(option);
      this.#draw();
      field.focus();
    };
    const plus = el("span", { "aria-hidden": "true", textContent: "+ " });
    return el("button", { type: "button", class: "chip", title: option.description, onclick }, plus, option.name);
  }

  async #complete(field) {
    const { option } = field;
    const text = this.#searched(field);
    const others = [...this.#fields.values()].filter((other) => other !== field && other.option.type !== ATTACHMENT);
    const filled = others.map((other) => [other.option.name, check(other, this.world).value]);
    const options = { ...Object.fromEntries(filled.filter(([, value]) => value !== undefined)), [option.name]: text };
    const facts = { name: this.command.path, focused: option.name, options };
    const { choices } = await this.world.ask("autocomplete", facts);
    if (this.#searched(field) !== text || document.activeElement !== this.#inputOf(field)) return;
    field.offered = choices;
    // The message box holds free text, which Enter sends as it stands.
    if (choices) this.#offer(field, choices, field === this.primary ? -1 : 0);
    else this.say("Loading options failed");
  }

  #offer(field, items, active) {
    const { name, description } = field.option;
    const onpick = (item) => {
      clearTimeout(this.#autocomplete);
      field.picked = item;
      field.text = this.#inputOf(field).value = item.name;
      this.#complain(field, "");
      this.picker.close();
    };
    const empty = "No options match your search.";
    this.picker.open(this.#inputOf(field), `${name}: ${description}`, items, { active, empty, onpick });
  }

  /** What of the field's text is to be completed; undefined where the box goes on to another option by its name. */
  #searched(field) {
    if (field !== this.primary) return field.text;
    const { name } = field.option;
    const { texts } = parseLine(`/${this.command.path} ${field.text}`, [this.command]);
    return field.text.trim() && Object.keys(texts).at(-1) !== name ? undefined : (texts[name] ?? "");
  }

  #inputOf(field) {
    return field === this.primary ? this.box : field.input;
  }

  #complain(field, error) {
    field.complain(error);
    if (field !== this.primary) return;
    this.say(error && `${field.option.name}: ${error}`);
    this.box.setAttribute("aria-invalid", String(Boolean(error)));
  }

  /** Options that were named in the box, `prompt:a heart images:4`, become fields of their own. */
  #separate() {
    const { name } = this.primary.option;
    const { texts } = parseLine(`/${this.command.path} ${this.primary.text}`, [this.command]);
    const named = this.command.options.filter((option) => option.name !== name && option.name in texts);
    if (!named.length && !this.primary.text.startsWith(`${name}:`)) return;
    this.primary.text = this.box.value = texts[name] ?? "";
    for (const option of named) this.#add(option, texts[option.name]);
    this.#draw();
  }
}
