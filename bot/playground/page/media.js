/** Pictures and files: galleries laid out as Discord lays them out, and the lightbox. */

import { bytes, el, icon } from "./dom.js";

const SINGLE_WIDTH_PX = 550;
const SINGLE_HEIGHT_PX = 350;
const SMALL_PX = 256;

/** One picture of an attachment, a gallery item or an embed, in one shape. */
export function picture({ url, width, height, description, filename, spoiler }) {
  return { url, width, height, spoiler, description: description ?? "", filename: filename ?? url.split("/").pop() };
}

/**
 * A mosaic of `pictures` that opens the lightbox: one in its own shape, two or four as squares, three with a large
 * one, more in threes.
 *
 * Where all are small, so is the mosaic: a picture of 128 pixels blurs when it fills half a channel.
 */
export function gallery(pictures) {
  const cells = pictures.map((shown, index) => {
    const cell = pictureButton(shown, () => enlarge(pictures, index));
    cell.classList.add(spanOf(index, pictures.length));
    return cell;
  });
  if (pictures.length === 1) fit(cells[0].querySelector("img"), pictures[0]);
  return el("div", { class: `gallery of-${pictures.length} ${pictures.every(isSmall) ? "small" : ""}` }, ...cells);
}

function isSmall({ width, height }) {
  return Math.max(width ?? SMALL_PX + 1, height ?? 0) <= SMALL_PX;
}

function pictureButton(shown, onclick) {
  const image = el("img", {
    src: shown.url,
    alt: shown.description,
    width: shown.width,
    height: shown.height,
    decoding: "async",
  });
  const button = el(
    "button",
    { type: "button", class: "picture", "aria-label": `Enlarge: ${shown.description || shown.filename}` },
    image,
  );
  if (shown.spoiler) button.classList.add("covered");
  button.addEventListener("click", () =>
    button.classList.contains("covered") ? button.classList.remove("covered") : onclick(),
  );
  return button;
}

/** The part of a row that a picture takes: a third, except that those left over by rows of three share the first. */
function spanOf(index, count) {
  if (count === 3) return index === 0 ? "large" : "small";
  if (count === 4) return "half";
  const left = count % 3;
  if (index >= left) return "third";
  return left === 1 ? "whole" : "half";
}

/** Gives a single picture its size before it has loaded (the channel must not jump): a small one up to twice its own. */
function fit(image, { width, height }) {
  if (!width || !height) return;
  const scale = isSmall({ width, height })
    ? Math.min(2, SMALL_PX / Math.max(width, height))
    : Math.min(1, SINGLE_WIDTH_PX / width, SINGLE_HEIGHT_PX / height);
  image.width = Math.round(width * scale);
  image.height = Math.round(height * scale);
}

export function thumbnail(shown) {
  const button = pictureButton(shown, () => enlarge([shown], 0));
  button.classList.add("thumbnail");
  return button;
}

export function fileCard({ url, filename, size }) {
  return el(
    "div",
    { class: "file" },
    icon("file"),
    el(
      "div",
      {},
      el("a", { href: url, download: filename, textContent: filename }),
      size === undefined ? null : el("small", { textContent: bytes(size) }),
    ),
  );
}

/** Opens `pictures` over the page at `index`; arrows go on, Escape or a press beside the picture closes. */
export function enlarge(pictures, index) {
  const image = el("img", {});
  const caption = el("figcaption", {});
  const original = el("a", { target: "_blank", rel: "noreferrer noopener", textContent: "Open in browser" });
  const show = (next) => {
    index = (next + pictures.length) % pictures.length;
    const { url, description, filename } = pictures[index];
    image.src = original.href = url;
    image.alt = description || filename;
    image.classList.toggle("small", isSmall(pictures[index]));
    caption.replaceChildren(description || filename, original);
  };
  const dialog = el(
    "dialog",
    { class: "lightbox", "aria-label": "Enlarged picture" },
    el("figure", {}, image, caption),
  );
  const button = (name, drawing, onclick) =>
    el("button", { type: "button", class: `round ${drawing}`, "aria-label": name, onclick }, icon(drawing));
  if (pictures.length > 1)
    dialog.append(
      button("Previous picture", "left", () => show(index - 1)),
      button("Next picture", "right", () => show(index + 1)),
    );
  dialog.append(button("Close", "close", () => dialog.close()));
  dialog.addEventListener(
    "click",
    ({ target }) => (target === dialog || target.tagName === "FIGURE") && dialog.close(),
  );
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") show(index - 1);
    if (key === "ArrowRight") show(index + 1);
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#dialogs").append(dialog);
  show(index);
  dialog.showModal();
}
