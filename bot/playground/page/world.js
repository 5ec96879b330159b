/** What the page knows: the server, who one acts as and where, and that channel's messages as this member sees them. */

import { control, listen } from "./control.js";

export const EPHEMERAL = 1 << 6;
export const LOADING = 1 << 7;

/** A little longer than the bot has for its first answer; what it has then only deferred shows in the channel. */
const ANSWER_S = 3.5;

const DIRECT = "@dm";
const FORUM = 15;
const VIEW_CHANNEL = 1n << 10n;

export class World {
  #listeners = [];
  #reading = 0;
  #held = [];

  constructor() {
    this.users = [];
    this.people = [];
    this.rooms = [];
    this.servers = [];
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

  /** Those whom one can act as: the open server's members first. */
  get members() {
    const people = this.users.map((name) => this.people.find(({ username }) => username === name));
    const isMember = (person) => Number(Boolean(this.membershipOf(person)));
    return people.sort((one, other) => isMember(other) - isMember(one));
  }

  /** What the acting member sees of the open server: its channels, each with its threads or posts, and the bot's DM. */
  get channels() {
    return [...this.roomsOf(this.server), this.directMessages];
  }

  /** What the acting member sees of a server, threads and posts after what they stand under. */
  roomsOf(server) {
    const seen = this.rooms.filter((room) => room.guild_id === server.id && room.seen_by.includes(this.me.id));
    const nested = (parent) => seen.filter(({ parent_id: id }) => id === parent.id);
    return seen
      .filter(({ parent_id: id }) => !id)
      .flatMap((room) => [room, ...nested(room)])
      .map((room) => ({ ...room, label: room.name }));
  }

  /** The first channel of a server that one can write in. */
  firstRoom(server) {
    return this.roomsOf(server).find(({ type }) => type !== FORUM);
  }

  get directMessages() {
    return { id: this.me.dm, name: DIRECT, type: 1, label: this.bot.username, topic: "Direct messages", seen_by: [] };
  }

  get isDirect() {
    return this.channel === DIRECT;
  }

  /** The server of the open channel; beside direct messages the one that was open before. */
  get server() {
    return this.servers.find(({ id }) => id === this.serverId) ?? this.servers[0];
  }

  get serverRoles() {
    return this.roles.filter(({ guild_id: id }) => id === this.server.id);
  }

  /** The open server's roles that can be given to people. */
  get givenRoles() {
    return this.serverRoles.filter(({ id, managed }) => !managed && id !== this.server.id);
  }

  /** What somebody is in the open server: `{roles, moderator, timed_out_until}`, or nothing. */
  membershipOf({ id }) {
    return this.server.members[id];
  }

  /** What stands under a member's name. */
  standingOf(person) {
    const membership = this.membershipOf(person);
    if (!membership) return this.server.banned.includes(person.id) ? "Banned" : "Not a member";
    if (membership.timed_out_until) return `Timed out until ${timeOf(membership.timed_out_until)}`;
    const names = this.givenRoles.filter(({ id }) => membership.roles.includes(id)).map(({ name }) => name);
    return names.join(", ") || "Member";
  }

  /** Whether the role @everyone does not see a channel. */
  isClosedToEveryone({ permission_overwrites: overwrites }) {
    const everyone = overwrites?.find(({ id }) => id === this.server.id);
    return Boolean(BigInt(everyone?.deny ?? 0) & VIEW_CHANNEL);
  }

  get me() {
    return this.people.find((person) => person.username === this.user);
  }

  get room() {
    return this.channels.find((room) => room.name === this.channel && room.type !== FORUM);
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

  /** Does something to the world, whoever one acts as; `onrefusal` hears why not. */
  async change(operation, facts) {
    const { error } = await this.ask(operation, facts);
    if (error) this.onrefusal?.(error);
    await this.readInfo();
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
    this.isBotConnected = info.connected;
    Object.assign(this, {
      users: info.users,
      people: info.people,
      rooms: info.rooms,
      servers: info.servers,
      roles: info.roles,
      bot: { ...info.bot, bot: true },
    });
    if (!this.me) this.user = this.users[0];
    const before = this.channel;
    this.settle();
    this.changed();
    if (this.isRead && before !== this.channel) await this.read();
  }

  /** The open channel is one that the acting member sees: another one of the server, else of another, else the DM. */
  settle() {
    const home = this.rooms.find(({ name }) => name === this.channel)?.guild_id;
    if (home) this.serverId = home;
    if (this.room) return;
    const servers = [this.server, ...this.servers];
    const room = servers.map((server) => this.firstRoom(server)).find(Boolean);
    this.channel = room?.name ?? DIRECT;
    this.serverId = room?.guild_id ?? this.serverId;
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
    if (event.channel_id !== this.room?.id) return false;
    if (event.type === "message_delete") return this.messages.delete(event.id);
    const isMessage = event.type === "message_create" || event.type === "message_update";
    if (!isMessage || (event.for && event.for !== this.user)) return false;
    this.messages.set(event.id, event.message);
    this.notes = this.notes.filter(({ failure, command }) => failure || command !== event.message.cmd);
    return true;
  }
}

function timeOf(iso) {
  return new Date(iso).toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" });
}

function nameById(list, id, key) {
  return list.find((item) => item.id === id)?.[key];
}
