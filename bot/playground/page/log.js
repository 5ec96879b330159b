/** The channel's log: one view per message, kept in order, and stuck to the newest while the reader is there. */

import { avatar, el, icon, nameOf } from "./dom.js";
import { dots, MessageView } from "./message.js";

const STICKY_PX = 60;
const COMPACT_WITHIN_MS = 7 * 60 * 1000;

export class Log {
  #views = new Map();
  #isAtEnd = true;
  #sizesAtEnd = "";
  #place = null;

  constructor({ scroller, list, welcome, toEnd }, actions) {
    Object.assign(this, { scroller, list, welcome, toEnd, actions });
    scroller.addEventListener("scroll", () => this.#scrolled());
    toEnd.addEventListener("click", () => this.scrollToEnd());
    const stick = new ResizeObserver(() => this.#isAtEnd && this.scrollToEnd());
    stick.observe(list);
    stick.observe(scroller);
  }

  update(world) {
    const place = `${world.user}/${world.channel}`;
    if (place !== this.#place) this.#clear();
    this.#place = place;
    const messages = [...world.messages.values()];
    const notes = world.notes.filter((note) => note.user === world.user && note.channel === world.channel);
    const keys = new Set([...world.messages.keys(), ...notes.map(({ key }) => key)]);
    for (const [key, view] of this.#views) if (!keys.has(key)) this.#remove(key, view);
    let previous = null;
    let position = 0;
    const show = (key, make) => this.#viewAt(key, make, position++);
    const showNotes = (isDue) => {
      while (notes.length && isDue(notes[0])) {
        const note = notes.shift();
        show(note.key, () => new NoteView(note, this.actions));
      }
    };
    for (const message of messages) {
      showNotes(({ after }) => BigInt(after) < BigInt(message.id));
      show(message.id, () => new MessageView(message.id, this.actions)).update(message, {
        world,
        isCompact: previous !== null && goesOn(previous, message),
      });
      previous = message;
    }
    showNotes(() => true);
    this.welcome.hidden = !world.isRead || keys.size > 0;
  }

  jumpTo(id) {
    const view = this.#views.get(id);
    if (!view) return;
    view.element.scrollIntoView({ block: "center" });
    view.element.focus({ preventScroll: true });
    view.element.classList.add("found");
    setTimeout(() => view.element.classList.remove("found"), 1500);
  }

  /** Goes to the newest message and stays there. */
  scrollToEnd() {
    this.#isAtEnd = true;
    this.#sizesAtEnd = this.#sizes();
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #clear() {
    this.list.replaceChildren();
    this.#views.clear();
    this.#isAtEnd = true;
    this.toEnd.hidden = true;
  }

  #remove(key, { element }) {
    const hadFocus = element.contains(document.activeElement);
    const next = element.nextElementSibling ?? element.previousElementSibling;
    element.remove();
    this.#views.delete(key);
    if (hadFocus) (next ?? this.scroller).focus();
  }

  /** The view of `key`, made where there is none, at `position` of the list. */
  #viewAt(key, make, position) {
    if (!this.#views.has(key)) this.#views.set(key, make());
    const view = this.#views.get(key);
    const there = this.list.children[position];
    if (there !== view.element) this.list.insertBefore(view.element, there ?? null);
    return view;
  }

  /** Only the reader leaves the end: where sizes changed too, the log has grown or the message box has shrunk. */
  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (scrollHeight - scrollTop - clientHeight < STICKY_PX) this.#isAtEnd = true;
    else if (this.#sizes() === this.#sizesAtEnd) this.#isAtEnd = false;
    else if (this.#isAtEnd) this.scrollToEnd();
    this.toEnd.hidden = this.#isAtEnd;
  }

  #sizes() {
    return `${this.scroller.scrollHeight}/${this.scroller.clientHeight}`;
  }
}

/** Whether `message` needs no head of its own after `previous`. */
function goesOn(previous, message) {
  const isPlain = message.type === 0 && !message.interaction_metadata;
  const isSame = previous.author.id === message.author.id && (previous.flags & 64) === (message.flags & 64);
  return isPlain && isSame && new Date(message.timestamp) - new Date(previous.timestamp) < COMPACT_WITHIN_MS;
}

/** A line of this page alone: a command on its way, or one that nobody answered. */
class NoteView {
  constructor({ key, bot, member, shown, failure }, actions) {
    const used = el("span", { class: "mention", textContent: shown });
    const above = el(
      "div",
      { class: "above" },
      el("span", { class: "spine" }),
      avatar(member),
      el("b", { textContent: nameOf(member) }),
      " used ",
      used,
    );
    const head = el(
      "h3",
      { class: "head" },
      el("span", { class: "author", textContent: bot.username }),
      el("span", { class: "badge", textContent: "APP" }),
    );
    const text = failure
      ? el("div", { class: "failure", role: "alert" }, icon("warning"), failure)
      : el("div", { class: "thinking" }, dots(), "Sending command…");
    const dismiss = el("button", {
      type: "button",
      class: "link",
      textContent: "Dismiss message",
      onclick: () => actions.dropNote(key),
    });
    const foot = failure ? el("div", { class: "foot" }, icon("eye"), "Only you can see this · ", dismiss) : null;
    const body = el("div", { class: "body" }, head, text, foot);
    this.element = el(
      "li",
      { class: `message ${failure ? "ephemeral" : ""}`, tabIndex: -1 },
      above,
      el("div", { class: "portrait" }, avatar(bot)),
      body,
    );
  }
}
