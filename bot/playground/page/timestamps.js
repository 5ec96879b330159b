/** Discord's timestamps: `<t:unix:style>` in the reader's own zone, the relative ones kept current. */

import { el } from "./dom.js";

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
  s: { dateStyle: "short", timeStyle: "short" },
  S: { dateStyle: "short", timeStyle: "medium" },
};
const UNITS = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const RELATIVE = new Intl.RelativeTimeFormat("en-US");

/** "in 5 minutes", "2 hours ago": the largest unit that fits. */
export function relative(unix, now = Date.now() / 1000) {
  const seconds = unix - now;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

function format(unix, style) {
  return new Intl.DateTimeFormat("en-US", STYLES[style]).format(unix * 1000);
}

export function timestamp(unix, style = "f") {
  const date = new Date(unix * 1000);
  if (Number.isNaN(date.getTime())) return document.createTextNode("Invalid Date");
  const text = style === "R" ? relative(unix) : format(unix, style);
  const element = el("time", {
    class: "timestamp",
    datetime: date.toISOString(),
    title: format(unix, "F"),
    textContent: text,
  });
  if (style === "R") element.dataset.unix = unix;
  return element;
}

/** "Today at 4:12 PM" above a message. */
export function sentAt(iso) {
  const date = new Date(iso);
  const isToday = date.toDateString() === new Date().toDateString();
  const unix = date.getTime() / 1000;
  const text = isToday ? `Today at ${format(unix, "t")}` : format(unix, "s");
  return el("time", { class: "sent-at", datetime: iso, title: format(unix, "F"), textContent: text });
}

/** Lets every relative timestamp in the page follow the clock. */
export function keepCurrent() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-unix]")) {
      const text = relative(Number(element.dataset.unix));
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}
