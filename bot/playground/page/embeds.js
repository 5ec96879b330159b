/** Legacy embeds as cards. */

import { colour } from "./components.js";
import { el } from "./dom.js";
import { markdown } from "./markdown.js";
import { gallery, picture } from "./media.js";
import { sentAt } from "./timestamps.js";

const OUTSIDE = { target: "_blank", rel: "noreferrer noopener" };

/** `names` gives the names of users, roles and channels by id. */
export function embedCard(
  { author, title, url, description, fields, image, thumbnail, footer, timestamp, color },
  names,
) {
  const text = (tag, content) => content && el(tag, {}, markdown(content, names));
  const heading = url ? el("a", { href: url, ...OUTSIDE, textContent: title }) : title && markdown(title, names);
  const row = ({ name, value, inline }) =>
    el("div", { class: inline ? "inline" : "" }, text("dt", name), text("dd", value));
  const foot = [footer?.text, timestamp && sentAt(timestamp)].filter(Boolean);
  const card = el(
    "article",
    { class: "embed" },
    author && el("small", { class: "embed-author", textContent: author.name }),
    heading && el("h4", {}, heading),
    thumbnail && gallery([picture(thumbnail)]),
    text("div", description),
    fields?.length && el("dl", {}, ...fields.map(row)),
    image && gallery([picture(image)]),
    foot.length > 0 && el("footer", {}, ...foot.flatMap((part, index) => (index ? [" • ", part] : [part]))),
  );
  if (color !== undefined && color !== null) card.style.borderInlineStartColor = colour(color);
  return card;
}
