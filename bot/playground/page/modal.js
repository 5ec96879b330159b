/** Modals: the form that a bot opens, with Discord's own limits; what was typed stays until it has been taken. */

import { optionsOf } from "./components.js";
import { el, icon } from "./dom.js";
import { markdown } from "./markdown.js";
import { selectMenu } from "./menus.js";

const PARAGRAPH = 2;
const TEXT_INPUT = 4;

/** Opens `modal`; `submit(values)` gives a sentence where it was not taken, else nothing. */
export function openModal(modal, world, submit) {
  const fields = [];
  const alert = el("div", { class: "failure", role: "alert" });
  const send = el("button", { type: "submit", class: "button primary", textContent: "Submit" });
  const form = el(
    "form",
    { novalidate: true },
    el(
      "header",
      {},
      el("img", { class: "avatar", src: "favicon.svg", alt: "" }),
      el("h2", { id: "modal-title", textContent: modal.title }),
    ),
    el("div", { class: "fields" }, ...modal.components.map((row) => rowOf(row, world, fields))),
    alert,
    el(
      "footer",
      {},
      el("button", { type: "button", class: "link", textContent: "Cancel", onclick: () => dialog.close() }),
      send,
    ),
  );
  const close = el(
    "button",
    { type: "button", class: "round close", "aria-label": "Close", onclick: () => dialog.close() },
    icon("close"),
  );
  const dialog = el("dialog", { class: "modal", "aria-labelledby": "modal-title" }, form, close);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = fields.filter((field) => !field.check());
    if (wrong.length) return wrong[0].focus();
    send.classList.add("busy");
    alert.replaceChildren();
    const failure = await submit(Object.fromEntries(fields.map(({ customId, value }) => [customId, value()])));
    send.classList.remove("busy");
    if (failure) alert.replaceChildren(icon("warning"), failure);
    else dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#dialogs").append(dialog);
  dialog.showModal();
  fields[0]?.focus();
}

/** A row of the form; what can be filled in is added to `fields`: `{customId, value(), check(), focus()}`. */
function rowOf(row, world, fields) {
  if (row.type === 10) return markdown(row.content, world.names);
  const input = row.type === 18 ? row.component : row.components[0];
  const label = row.label ?? input.label;
  const id = `field-${input.custom_id}`;
  const error = el("small", { class: "error", id: `${id}-error`, role: "alert" });
  const field = input.type === TEXT_INPUT ? textField(input, id, error) : choiceField(input, label, world, error);
  fields.push({ customId: input.custom_id, ...field });
  return el(
    "div",
    { class: "field" },
    el(
      "label",
      { for: input.type === TEXT_INPUT ? id : null },
      label,
      input.required === false ? null : el("span", { class: "required", title: "required", textContent: " *" }),
    ),
    row.description ? el("small", { class: "muted", textContent: row.description }) : null,
    field.element,
    el("div", { class: "below" }, error, field.counter),
  );
}

function textField(input, id, error) {
  const { min_length: least = 0, max_length: most = 4000, required = true } = input;
  const element = el(input.style === PARAGRAPH ? "textarea" : "input", {
    id,
    name: input.custom_id,
    value: input.value ?? "",
    placeholder: input.placeholder,
    required,
    rows: input.style === PARAGRAPH ? 4 : null,
    autocomplete: "off",
    "aria-describedby": error.id,
  });
  const counter = el("small", { class: "counter" });
  const count = () => {
    const { length } = element.value;
    counter.textContent = input.max_length || length > most ? `${length}/${most}` : "";
    counter.classList.toggle("over", length > most);
  };
  const problem = () => {
    const { length } = element.value.trim() ? element.value : "";
    if (!length) return required ? "This field is required." : "";
    if (length < least) return `Must be at least ${least} characters long.`;
    return length > most ? `Must be ${most} characters or fewer.` : "";
  };
  const check = () => {
    error.textContent = problem();
    element.setAttribute("aria-invalid", String(Boolean(error.textContent)));
    return !error.textContent;
  };
  element.addEventListener("input", () => {
    count();
    if (error.textContent) check();
  });
  count();
  return { element, counter, check, value: () => element.value, focus: () => element.focus() };
}

function choiceField(input, label, world, error) {
  const { min_values: least = 1, max_values: most = 1, required = true } = input;
  const options = optionsOf(input, world);
  let values =
    input.default_values?.map(({ id }) => id) ?? options.filter((option) => option.default).map(({ value }) => value);
  const onchoose = (chosen) => {
    values = chosen;
    check();
  };
  const check = () => {
    const isWrong = values.length < least && (required || values.length > 0);
    error.textContent = isWrong ? `Choose ${least === 1 ? "an option" : `at least ${least} options`}.` : "";
    return !isWrong;
  };
  const element = selectMenu({
    label,
    placeholder: input.placeholder ?? "Make a selection",
    options,
    values,
    min: required ? least : 0,
    max: most,
    onchoose,
  });
  return { element, counter: null, check, value: () => values, focus: () => element.focus() };
}
