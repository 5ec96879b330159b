/** Elements from plain data: text stays text, nothing is ever parsed as HTML. */

const PROPERTIES = new Set(["checked", "disabled", "hidden", "open", "value", "textContent", "className", "tabIndex"]);
const SVG = "http://www.w3.org/2000/svg";

/** An element; `properties` are DOM properties, listeners (`onclick`) or attributes; null and false leave one out. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value ?? "";
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child instanceof Node || (typeof child === "string" && child)));
  return element;
}

const ICONS = {
  at: "M16 12a4 4 0 11-8 0 4 4 0 018 0zM16 8v5a3 3 0 005-2.5A9 9 0 1017 19.5",
  check: "M5 13l5 5L19 7",
  clock: "M12 3a9 9 0 110 18 9 9 0 010-18zM12 7v5l3 3",
  forum: "M4 4h13v9H9l-5 4zM20 8v12l-4-3h-5",
  lock: "M6 11h12v9H6zM9 11V7a3 3 0 016 0v4",
  person: "M12 4a4 4 0 110 8 4 4 0 010-8zM4 21c0-4 4-6 8-6s8 2 8 6",
  slash: "M17 6L7 18",
  thread: "M6 4v8a4 4 0 004 4h9M15 12l4 4-4 4",
  attachment: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M6 9l6 6 6-6",
  external: "M14 4h6v6M20 4l-9 9M18 14v5H5V6h5",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 110 6 3 3 0 010-6z",
  file: "M6 2h8l5 5v15H6zM14 2v6h5",
  left: "M15 5l-7 7 7 7",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4",
  right: "M9 5l7 7-7 7",
  send: "M4 12l16-8-6 16-3-6z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  apps: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM17 14v6M14 17h6",
  warning: "M12 3l10 18H2zM12 10v5M12 18h.01",
};

/** A line drawing that screen readers skip. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const HUES = ["#5865f2", "#3a9d6e", "#c4682b", "#c0447e", "#8a5cd1", "#2f8ea8", "#b14a4a"];

/** A round portrait: the app's drawing, or a member's initial on a colour of their own. */
export function avatar(user) {
  if (user.bot) return el("img", { class: "avatar", src: "favicon.svg", alt: "" });
  const circle = el("span", {
    class: "avatar",
    "aria-hidden": "true",
    textContent: nameOf(user).slice(0, 1).toUpperCase(),
  });
  circle.style.backgroundColor =
    HUES[[...user.username].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % HUES.length];
  return circle;
}

export function nameOf(user) {
  return user.display_name ?? user.global_name ?? user.username;
}

export function bytes(size) {
  if (size < 1024) return `${size} bytes`;
  return size < 1024 ** 2 ? `${(size / 1024).toFixed(1)} KB` : `${(size / 1024 ** 2).toFixed(2)} MB`;
}
