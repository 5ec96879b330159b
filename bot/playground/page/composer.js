/**
 * The message box: says what is typed, and runs commands.
 *
 * Once a command and a space stand in it, the command is in hand: the box holds the text of its primary option.
 */

import { matching, parseLine, runnable } from "./commands.js";
import { icon } from "./dom.js";
import { CommandForm } from "./form.js";
import { Picker } from "./picker.js";

const MESSAGE_LENGTH = 2000;

export class Composer {
  #form = null;
  #known = null;

  constructor(root, world, actions) {
    const [box, pill, panel, notice] = ["#message-box", ".pill", ".panel", ".notice"].map((selector) =>
      root.querySelector(selector),
    );
    Object.assign(this, { root, world, actions, box, pill, panel, notice });
    this.picker = new Picker(root.querySelector("#picker"));
    box.addEventListener("input", () => this.#typed());
    box.addEventListener("keydown", (event) => this.#key(event, this.#form?.primary));
    box.addEventListener("focus", () => this.#form?.primary && this.#form.suggest(this.#form.primary));
    box.addEventListener("blur", () => this.picker.close());
    root.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.enter();
    });
    document.addEventListener("dragover", (event) => this.#drag(event));
    document.addEventListener("dragleave", (event) => event.relatedTarget || root.classList.remove("dropping"));
    document.addEventListener("drop", (event) => this.#drop(event));
  }

  /** Who writes and where is known: the box may be used. */
  open() {
    this.reset();
    this.box.disabled = false;
  }

  /** The channel or the member changed: what was typed belongs to neither. */
  reset() {
    this.#leave();
    this.say("");
  }

  /** Reads a line that was typed before its command was known. */
  update({ commands }) {
    const isNew = commands !== this.#known;
    this.#known = commands;
    if (isNew && !this.#form && this.box.value.startsWith("/")) this.#typed();
  }

  /** Shows `sentence` above the box; an empty one takes it away. */
  say(sentence) {
    this.notice.replaceChildren(...(sentence ? [icon("warning"), sentence] : []));
  }

  /** What Enter does: takes the picker's choice, or sends the line. */
  async enter() {
    if (this.#form) return this.#form.takesChoice() ? this.picker.take() : this.#run();
    const text = this.box.value.trim();
    if (!text) return undefined;
    if (!text.startsWith("/")) return this.#speak(text);
    if (this.picker.wasMoved && this.picker.take()) return undefined;
    if (!this.world.commands.length) await this.world.readCommands();
    const parsed = parseLine(text, this.#runnable());
    if (!parsed) return this.picker.take() || this.say(this.#unknown(text));
    if (parsed.rest && !parsed.command.options.length) return this.say(`/${parsed.command.path} takes no text.`);
    this.#begin(parsed.command, parsed.texts);
    const waits = !parsed.rest && parsed.command.options.some(({ required }) => required);
    return waits ? undefined : this.#run();
  }

  #unknown(text) {
    if (!this.world.commands.length) return "The bot has not brought its commands yet.";
    return `There is no command ${text.split(/\s/)[0]} that you may use here.`;
  }

  #runnable() {
    return runnable(this.world.visibleCommands(1));
  }

  async #speak(content) {
    if (content.length > MESSAGE_LENGTH) {
      return this.say(`Your message is too long: ${content.length} of ${MESSAGE_LENGTH} characters.`);
    }
    this.#leave();
    const refusal = await this.actions.say(content);
    if (refusal && !this.box.value) this.box.value = content;
    return this.say(refusal);
  }

  async #run() {
    const { command } = this.#form;
    const values = await this.#form.values();
    if (!values) return;
    const hadFocus = this.panel.contains(document.activeElement);
    this.#leave();
    if (hadFocus) this.box.focus();
    this.actions.run(command.path, values);
  }

  #typed() {
    this.say("");
    const text = this.box.value;
    const parsed = text.startsWith("/") ? parseLine(text, this.#runnable()) : null;
    const isLine = parsed && text.length > parsed.command.path.length + 1;
    if (isLine && parsed.command.options.length) this.#begin(parsed.command, parsed.texts);
    else if (this.#form) this.#form.primary && this.#form.edit(this.#form.primary, text);
    else if (text.startsWith("/") && !isLine) this.#offerCommands(text);
    else this.picker.close();
  }

  #offerCommands(text) {
    const items = matching(text.slice(1), this.#runnable()).map((command) => ({
      name: `/${command.path}`,
      detail: command.description,
      note: this.world.bot.username,
      command,
    }));
    const heading = text === "/" ? "Commands" : `Commands matching ${text}`;
    this.picker.open(this.box, heading, items, { onpick: ({ command }) => this.#choose(command) });
  }

  #choose(command) {
    this.picker.close();
    if (command.options.length) this.#begin(command);
    else this.box.value = `/${command.path}`;
    this.box.focus();
  }

  #begin(command, texts = {}) {
    this.#leave();
    const { box, panel, picker, world } = this;
    const say = (sentence) => this.say(sentence);
    const onkey = (event, field) => this.#key(event, field);
    const onleave = () => {
      this.#leave();
      box.focus();
    };
    this.#form = new CommandForm(command, texts, { box, panel, picker, world, say, onkey, onleave });
    this.pill.textContent = `/${command.path}`;
    this.pill.hidden = false;
    box.focus();
    if (this.#form.primary) this.#form.suggest(this.#form.primary);
  }

  #leave(text = "") {
    this.#form?.close();
    this.#form = null;
    this.pill.hidden = true;
    this.picker.close();
    this.box.value = text;
    this.box.placeholder = `Message ${this.world.isDirect ? "@" : "#"}${this.world.room.label}`;
    this.box.setAttribute("aria-label", this.box.placeholder);
  }

  #key(event, field) {
    const { key, shiftKey, isComposing } = event;
    if (isComposing) return;
    if (key === "Enter" && !shiftKey) {
      event.preventDefault();
      this.enter();
    } else if (key === "Escape") this.#escape();
    else if ((key === "ArrowDown" || key === "ArrowUp") && this.picker.isOpen) {
      event.preventDefault();
      this.picker.move(key === "ArrowDown" ? 1 : -1);
    } else if (key === "Tab" && !shiftKey) this.#tab(event, field);
    else if (key === "Backspace" && event.target === this.box && this.#form && !this.box.value) {
      event.preventDefault();
      this.#leave(`/${this.#form.command.path}`);
      this.#typed();
    }
  }

  #escape() {
    if (this.picker.isOpen) return this.picker.close();
    if (this.#form) this.#leave();
    return this.box.focus();
  }

  /** Tab completes; in a command it then goes on to the other options. */
  #tab(event, field) {
    const completes = this.picker.isOpen && (!field || field.text || this.picker.wasMoved) && this.picker.take();
    const next = event.target === this.box ? this.panel.querySelector("input, .chip, .chooser") : null;
    if (!next && !(completes && !field)) return;
    event.preventDefault();
    if (field || !completes) next.focus();
  }

  #drag(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    this.root.classList.toggle("dropping", Boolean(this.#form));
  }

  #drop(event) {
    const file = event.dataTransfer.files[0];
    this.root.classList.remove("dropping");
    if (!file) return;
    event.preventDefault();
    if (!this.#form?.attach(file)) this.say("Files go with a command's option: choose the command first.");
  }
}
