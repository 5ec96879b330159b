/**
 * Discord's markdown as DOM nodes.
 *
 * One cursor walks over the text; at each place the first rule that matches makes a node. Rules marked `line` match
 * only where a line begins. A backslash before anything but a letter, a digit or white space hides what follows it.
 */

import { el } from "./dom.js";
import { timestamp } from "./timestamps.js";

const RULES = [
  { match: /\\([^0-9A-Za-z\s])/y, make: ([, character]) => character },
  {
    match: /```(?:([\w+\-.#]+)\n)?\n*([^\n][^]*?)\n*```\n?/y,
    make: ([, , code]) => el("pre", {}, el("code", { textContent: code })),
  },
  { match: /(`+)([^]*?[^`])\1(?!`)/y, make: ([, , code]) => el("code", { textContent: unpad(code) }) },
  {
    line: true,
    match: /(#{1,3}) +([^\n]+)\n?/y,
    make: ([, marks, text], context) => el(`h${marks.length + 2}`, {}, ...inline(text, context)),
  },
  {
    line: true,
    match: /-# +([^\n]+)\n?/y,
    make: ([, text], context) => el("small", { class: "subtext" }, ...inline(text, context)),
  },
  { line: true, match: />>> ([^]+)/y, make: ([, text], context) => quote(text, context) },
  {
    line: true,
    match: /(?:> [^\n]*(?:\n|$))+/y,
    make: ([text], context) => quote(text.replace(/^> /gm, "").replace(/\n$/, ""), context),
  },
  { line: true, match: /(?: *(?:[-*]|\d{1,9}\.) +[^\n]+(?:\n|$))+/y, make: ([text], context) => list(text, context) },
  { match: /\|\|([^]+?)\|\|/y, make: ([, text], context) => spoiler(inline(text, context)) },
  {
    match: /\*\*((?:\\[^]|[^\\])+?)\*\*(?!\*)/y,
    make: ([, text], context) => el("strong", {}, ...inline(text, context)),
  },
  { match: /__((?:\\[^]|[^\\])+?)__(?!_)/y, make: ([, text], context) => el("u", {}, ...inline(text, context)) },
  { match: /~~([^]+?)~~(?!_)/y, make: ([, text], context) => el("s", {}, ...inline(text, context)) },
  { match: /\b_((?:__|\\[^]|[^\\_])+?)_\b/y, make: ([, text], context) => el("em", {}, ...inline(text, context)) },
  {
    match: /\*(?=\S)((?:\*\*|\\[^]|\s+(?:\\[^]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)/y,
    make: ([, text], context) => el("em", {}, ...inline(text, context)),
  },
  {
    match: /\[((?:\\[^]|[^[\]\\])+)\]\(<?(https?:\/\/[^\s<>()]+(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?: +"[^"]*")?\)/y,
    make: ([, text, url], context) => link(url, inline(text, context)),
  },
  { match: /<(https?:\/\/[^\s<>]+)>/y, make: ([, url], context) => link(url, [url], context) },
  { match: /https?:\/\/[^\s<]+[^<.,:;"'\]\s)]/y, make: ([url], context) => link(url, [url], context) },
  { match: /<t:(-?\d{1,17})(?::([tTdDfFsSR]))?>/y, make: ([, unix, style]) => timestamp(Number(unix), style) },
  { match: /<@!?(\d+)>/y, make: ([, id], { names }) => mention(`@${names.user(id) ?? "unknown-user"}`) },
  { match: /<@&(\d+)>/y, make: ([, id], { names }) => mention(`@${names.role(id) ?? "unknown-role"}`) },
  { match: /<#(\d+)>/y, make: ([, id], { names }) => mention(`#${names.channel(id) ?? "unknown"}`) },
  { match: /<\/([^:>]+):\d+>/y, make: ([, path]) => mention(`/${path}`) },
  { match: /<a?:(\w+):\d+>/y, make: ([, name]) => `:${name}:` },
  { match: /@(?:everyone|here)\b/y, make: ([text]) => mention(text) },
  { match: /(?:(?!https?:\/\/)[0-9A-Za-z\u00c0-\uffff ])+/y, make: ([text]) => text },
];

/** `content` as nodes; `names` gives the names of users, roles and channels by id. */
export function markdown(content, names) {
  return el("div", { class: "markdown" }, ...parse(content, { names, lines: true }));
}

/** What a reader would read aloud: `content` without its markup, on one line. */
export function plain(content, names) {
  return markdown(content, names).textContent.replace(/\s+/g, " ").trim();
}

function inline(text, context) {
  return parse(text, { ...context, lines: false });
}

function parse(text, context) {
  const nodes = [];
  for (let at = 0; at < text.length;) {
    const isLineStart = context.lines && (at === 0 || text[at - 1] === "\n");
    const [found, rule] = firstMatch(text, at, isLineStart);
    nodes.push(found ? rule.make(found, context) : text[at]);
    at += found ? found[0].length : 1;
  }
  return nodes;
}

function firstMatch(text, at, isLineStart) {
  for (const rule of RULES) {
    if (rule.line && !isLineStart) continue;
    rule.match.lastIndex = at;
    const found = rule.match.exec(text);
    if (found?.[0]) return [found, rule];
  }
  return [null, null];
}

/** Code between more than one backtick may be padded, so that it can begin or end with one. */
function unpad(code) {
  return code.replace(/^ (?=`)|(?<=`) $/g, "");
}

function quote(text, context) {
  return el("blockquote", {}, ...parse(text, context));
}

function list(text, context) {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => line.match(/^( *)([-*]|(\d+)\.) +(.*)$/));
  const root = { indent: lines[0][1].length, element: listOf(lines[0]) };
  const open = [root];
  for (const line of lines) {
    const indent = line[1].length;
    while (open.length > 1 && indent < open.at(-1).indent) open.pop();
    if (indent > open.at(-1).indent) {
      const nested = listOf(line);
      (open.at(-1).element.lastElementChild ?? open.at(-1).element).append(nested);
      open.push({ indent, element: nested });
    }
    open.at(-1).element.append(el("li", {}, ...inline(line[4], context)));
  }
  return root.element;
}

function listOf([, , , number]) {
  return number === undefined ? el("ul") : el("ol", { start: number });
}

const MESSAGE_LINK = /^https:\/\/(?:\w+\.)?discord\.com\/channels\/\d+\/(\d+)\/(\d+)$/;

/** A link; one to a message carries the ids of its channel and message, so that the page can go there itself. */
function link(url, children, { names } = {}) {
  const [, channel, message] = url.match(MESSAGE_LINK) ?? [];
  const text = message && names ? [`#${names.channel(channel) ?? "unknown"} › message`] : children;
  return el(
    "a",
    {
      class: message && names ? "mention" : null,
      href: url,
      target: "_blank",
      rel: "noreferrer noopener",
      "data-channel": channel,
      "data-message": message,
    },
    ...text,
  );
}

function mention(text) {
  return el("span", { class: "mention", textContent: text });
}

function spoiler(children) {
  const cover = el(
    "span",
    { class: "spoiler", role: "button", tabIndex: 0, "aria-label": "Spoiler", "aria-expanded": "false" },
    el("span", {}, ...children),
  );
  const reveal = () => {
    cover.classList.add("revealed");
    cover.setAttribute("aria-expanded", "true");
    cover.removeAttribute("aria-label");
  };
  cover.addEventListener("click", reveal);
  cover.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === " ") && reveal());
  return cover;
}
