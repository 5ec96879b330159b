/** What the page knows: the server, who one acts as and where, and that channel's messages as this member sees them. */

import { control, listen } from "./control.js";

export const EPHEMERAL = 1 << 6;
export const LOADING = 1 << 7;

/** A little longer than the bot has for its first answer; what it has then only deferred shows in the channel. */
const ANSWER_S = 3.5;

export class World {
  #listeners = [];
  #reading = 0;
  #held = [];

  constructor() {
    this.users = [];
    this.people = [];
    this.rooms = [];
    this.roles = [];
    this.commands = [];
    this.messages = new Map();
    this.notes = [];
    this.busy = new Set();
    this.failures = new Map();
    this.isOnline = true;
    this.isBotConnected = false;
    this.isRead = false;
    this.names = {
      user: (id) => nameById(this.people, id, "display_name"),
      role: (id) => nameById(this.roles, id, "name"),
      channel: (id) => nameById(this.rooms, id, "name"),
    };
  }

  /** Those whom one can act as. */
  get members() {
    return this.people.filter(({ username }) => this.users.includes(username));
  }

  get channels() {
    return this.rooms.filter((room) => room.type === 0);
  }

  get me() {
    return this.people.find((person) => person.username === this.user);
  }

  get room() {
    return this.rooms.find((room) => room.name === this.channel);
  }

  /** The id of the last message in the channel, 0 where there is none. */
  get newest() {
    return [...this.messages.keys()].at(-1) ?? "0";
  }

  /** Whether an answer to the member's command stands after the message that was the newest when it was run. */
  isAnswered({ user, command, after }) {
    const isAnswer = ({ id, cmd, interaction_metadata: used }) =>
      cmd === command && used.user.username === user && BigInt(id) > BigInt(after);
    return [...this.messages.values()].some(isAnswer);
  }

  /** Commands that the acting member may use here, as Discord would show them. */
  visibleCommands(type) {
    return this.commands.filter((command) => !command.hidden && (command.type ?? 1) === type);
  }

  onchange(listener) {
    this.#listeners.push(listener);
  }

  changed() {
    for (const listener of this.#listeners) listener(this);
  }

  /** Reads who and what is here and begins to listen; an unknown `user` or `channel` is the first one. */
  async open([user, channel]) {
    Object.assign(this, { user, channel });
    await this.readInfo();
    listen({
      onevent: (event) => this.#hear(event),
      onlost: () => {
        this.isOnline = false;
        this.changed();
      },
    });
  }

  /** Asks for `operation` as the acting member in the open channel. */
  ask(operation, body = {}) {
    return control(operation, { user: this.user, channel: this.channel, wait: ANSWER_S, ...body });
  }

  async readInfo() {
    const info = await control("info");
    if (info.error) return;
    this.server = info.guild;
    this.isBotConnected = info.connected;
    Object.assign(this, {
      users: info.users,
      people: info.people,
      rooms: info.rooms,
      roles: info.roles,
      bot: { ...info.bot, bot: true },
    });
    if (!this.room) this.channel = this.channels[0].name;
    if (!this.me) this.user = this.members[0].username;
    this.changed();
  }

  async readCommands() {
    const commands = await this.ask("commands");
    if (!commands.error) this.commands = commands;
    this.changed();
  }

  /** Reads the channel anew; events that arrive meanwhile are applied after it, so that older news overwrites nothing. */
  async read() {
    const turn = ++this.#reading;
    const [messages, commands] = await Promise.all([this.ask("messages"), this.ask("commands")]);
    if (turn !== this.#reading) return;
    this.#reading = 0;
    if (!messages.error) this.messages = new Map(messages.map((message) => [message.id, message]));
    if (!commands.error) this.commands = commands;
    this.isRead = true;
    for (const event of this.#held.splice(0)) this.#apply(event);
    this.changed();
  }

  /** At every connection; the first one comes right after `open` has read who and what is here. */
  async #readAll() {
    if (this.isRead) await this.readInfo();
    await this.read();
  }

  /** Adds a line that only this page has ("Sending command…"), to be dropped later; it follows the message `after`. */
  note(fields) {
    const note = { key: `note-${crypto.randomUUID()}`, ...fields };
    this.notes.push(note);
    this.changed();
    return note;
  }

  drop(note) {
    this.notes = this.notes.filter((other) => other !== note);
    this.changed();
  }

  #hear(event) {
    this.isOnline = true;
    if (event.type === "hello") this.#readAll();
    else if (event.type === "world") this.readInfo();
    else if (event.type === "commands") this.readCommands();
    else if (event.type === "connected") {
      this.isBotConnected = event.connected;
      this.changed();
    } else if (this.#reading) this.#held.push(event);
    else if (this.#apply(event)) this.changed();
  }

  #apply(event) {
    if (event.channel_id !== this.room.id) return false;
    if (event.type === "message_delete") return this.messages.delete(event.id);
    const isMessage = event.type === "message_create" || event.type === "message_update";
    if (!isMessage || (event.for && event.for !== this.user)) return false;
    this.messages.set(event.id, event.message);
    this.notes = this.notes.filter(({ failure, command }) => failure || command !== event.message.cmd);
    return true;
  }
}

function nameById(list, id, key) {
  return list.find((item) => item.id === id)?.[key];
}
