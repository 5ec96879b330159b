/** One message of the channel, kept in step with its data in place: only the parts that changed are built anew. */

import { colour, component } from "./components.js";
import { avatar, el, icon, nameOf } from "./dom.js";
import { embedCard } from "./embeds.js";
import { markdown, plain } from "./markdown.js";
import { fileCard, gallery, picture } from "./media.js";
import { sentAt } from "./timestamps.js";
import { EPHEMERAL, LOADING } from "./world.js";

export class MessageView {
  #parts = new Map();
  #actions;

  constructor(id, actions) {
    this.#actions = actions;
    const part = (name, tag = "div") => {
      const element = el(tag, { class: name });
      this.#parts.set(name, { element, signature: null });
      return element;
    };
    const body = el(
      "div",
      { class: "body" },
      part("head", "h3"),
      part("content"),
      part("media"),
      part("embeds"),
      part("components"),
      part("foot"),
    );
    this.element = el(
      "li",
      { class: "message", id: `message-${id}`, "data-id": id, tabIndex: -1 },
      part("above"),
      part("portrait"),
      body,
      part("tools"),
    );
    this.element.addEventListener("contextmenu", (event) => {
      if (event.target.closest("a, img") || getSelection().toString()) return;
      event.preventDefault();
      actions.openMenu({ x: event.clientX, y: event.clientY }, this.message);
    });
  }

  /** Shows `message`; `isCompact`: it goes on where the same author's last one ended. */
  update(message, { world, isCompact }) {
    this.message = message;
    this.world = world;
    const isEphemeral = Boolean(message.flags & EPHEMERAL);
    const failure = world.failures.get(message.id);
    const busy = [...world.busy].filter((key) => key.startsWith(`${message.id}/`));
    const answered = answeredMessage(message, world);
    this.element.classList.toggle("compact", isCompact);
    this.element.classList.toggle("ephemeral", isEphemeral);
    this.element.classList.toggle(
      "mentioned",
      (message.mentions ?? []).some(({ id }) => id === world.me?.id),
    );
    this.#show(
      "above",
      [message.cmd, message.interaction_metadata?.user.username, message.referenced_message?.id, answered?.content],
      () => this.#above(answered),
    );
    this.#show("portrait", [message.author.username], () => [avatar(message.author)]);
    this.#show("head", [message.author.username, message.timestamp], () => this.#head());
    this.#show("content", [message.content, message.edited_timestamp, message.flags & LOADING], () => this.#content());
    this.#show(
      "media",
      message.attachments.map(({ url, description }) => [url, description]),
      () => attachments(message.attachments),
    );
    this.#show("embeds", message.embeds, () => message.embeds.map((embed) => embedCard(embed, world.names)));
    this.#show("components", [message.components, busy, failure], () => this.#components(failure));
    this.#show("foot", [isEphemeral], () => (isEphemeral ? this.#foot() : []));
    this.#show("tools", [message.id], () => this.#tools());
  }

  #show(name, data, make) {
    const part = this.#parts.get(name);
    const signature = JSON.stringify(data);
    if (part.signature === signature) return;
    part.signature = signature;
    const focused = part.element.contains(document.activeElement) ? document.activeElement : null;
    part.element.replaceChildren(...make());
    if (!focused) return;
    const same = part.element.querySelector(`[data-custom-id="${CSS.escape(focused.dataset.customId ?? "")}"]`);
    (same ?? this.element).focus({ preventScroll: true });
  }

  #above(answered) {
    const { message, world } = this;
    const used = message.interaction_metadata;
    if (used && message.cmd)
      return [
        el("span", { class: "spine" }),
        avatar(used.user),
        el("b", { textContent: nameOf(used.user) }),
        " used ",
        el("span", { class: "mention", textContent: used.target_message_id ? message.cmd : `/${message.cmd}` }),
      ];
    if (answered === undefined) return [];
    if (answered === null)
      return [el("span", { class: "spine" }), el("i", { textContent: "Original message was deleted" })];
    const isTextless = !answered.content;
    const snippet = isTextless ? "Click to see attachment" : plain(answered.content, world.names);
    const jump = el(
      "button",
      { type: "button", class: "jump", onclick: () => this.#actions.jumpTo(answered.id) },
      snippet,
      isTextless ? icon("picture") : null,
    );
    return [
      el("span", { class: "spine" }),
      avatar(answered.author),
      el("b", { textContent: nameOf(answered.author) }),
      jump,
    ];
  }

  #head() {
    const { author, timestamp } = this.message;
    const name = el("span", { class: "author", textContent: nameOf(author) });
    const { color } = this.world.people.find(({ id }) => id === author.id) ?? {};
    if (color && !author.bot) name.style.color = colour(color);
    return [name, author.bot ? el("span", { class: "badge", textContent: "APP" }) : null, sentAt(timestamp)].filter(
      Boolean,
    );
  }

  #content() {
    const { content, flags, edited_timestamp: edited, author } = this.message;
    if (flags & LOADING) return [el("div", { class: "thinking" }, dots(), `${nameOf(author)} is thinking…`)];
    const mark = edited
      ? el("span", { class: "edited", title: new Date(edited).toLocaleString("en-US"), textContent: "(edited)" })
      : null;
    if (!content) return mark ? [mark] : [];
    const text = markdown(content, this.world.names);
    if (/^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|[\u200d\ufe0f\s])+$/u.test(content))
      text.classList.add("jumbo");
    if (mark)
      (text.lastElementChild?.matches("pre, blockquote, ul, ol")
        ? text
        : (text.lastElementChild?.matches("h3, h4, h5, small") && text.lastElementChild) || text
      ).append(" ", mark);
    return [text];
  }

  #components(failure) {
    const { message, world } = this;
    const context = {
      world,
      names: world.names,
      act: (customId, values) => this.#actions.press(message, customId, values),
      isBusy: (customId) => world.busy.has(`${message.id}/${customId}`),
    };
    const nodes = message.components.map((data) => component(data, context));
    return failure ? [...nodes, el("div", { class: "failure", role: "alert" }, icon("warning"), failure)] : nodes;
  }

  #foot() {
    const dismiss = el("button", {
      type: "button",
      class: "link",
      textContent: "Dismiss message",
      onclick: () => this.#actions.remove(this.message),
    });
    return [icon("eye"), "Only you can see this · ", dismiss];
  }

  #tools() {
    const open = ({ currentTarget }) => this.#actions.openMenu(currentTarget, this.message);
    return [
      el(
        "button",
        {
          type: "button",
          class: "round",
          "aria-label": "More about this message",
          "aria-haspopup": "menu",
          onclick: open,
        },
        icon("more"),
      ),
    ];
  }
}

/** What this message answers, by reply or because a button of it was pressed; null when it is gone, undefined for none. */
function answeredMessage(message, world) {
  if (message.type === 19) return message.referenced_message ?? null;
  const used = message.interaction_metadata;
  const id = used?.interacted_message_id ?? used?.triggering_interaction_metadata?.interacted_message_id;
  return id && !message.cmd ? (world.messages.get(id) ?? null) : undefined;
}

export function dots() {
  return el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
}

function attachments(all) {
  const pictures = all.filter(({ content_type: type }) => type?.startsWith("image/"));
  const files = all.filter((attachment) => !pictures.includes(attachment));
  const shown = pictures.map((attachment) =>
    picture({ ...attachment, spoiler: attachment.filename.startsWith("SPOILER_") }),
  );
  return [...(shown.length ? [gallery(shown)] : []), ...files.map(fileCard)];
}
