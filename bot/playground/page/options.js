/** What may be written into a command's option: suggestions, and the value or the sentence that says what is wrong. */

import { ATTACHMENT, BOOLEAN, CHANNEL, INTEGER, MENTIONABLE, NUMBER, ROLE, STRING, USER } from "./commands.js";
import { bytes } from "./dom.js";

const SIZE_LIMIT_BYTES = 10 * 1024 ** 2;
const STRING_LENGTH = 6000;
const BOUND = 2 ** 53;

/** `{name, value, detail}` of everything that `option` can be, or null where any text will do. */
export function choicesOf(option, world) {
  const members = () =>
    world.people
      .filter((person) => world.membershipOf(person))
      .map(({ id, display_name: name, username: detail }) => ({ name, value: id, detail }));
  const roles = () => world.serverRoles.map(({ id, name }) => ({ name: `@${name.replace(/^@/, "")}`, value: id }));
  if (option.choices?.length) return option.choices;
  switch (option.type) {
    case BOOLEAN:
      return [
        { name: "True", value: true },
        { name: "False", value: false },
      ];
    case USER:
      return members();
    case ROLE:
      return roles();
    case MENTIONABLE:
      return [...members(), ...roles()];
    case CHANNEL:
      return world.roomsOf(world.server).map(({ id, name }) => ({ name: `#${name}`, value: id }));
    default:
      return null;
  }
}

/** The choice that `text` names, by its own name, its detail (a member's username) or its id. */
export function chosen(choices, text) {
  const wanted = text.trim().toLowerCase();
  return choices.find(({ name, value, detail }) =>
    [name, name.replace(/^[@#]/, ""), detail ?? name, String(value)].some((word) => word.toLowerCase() === wanted),
  );
}

/** `{value}`, `{error}`, or `{}` for an option left out. `field`: `{option, text, picked, file}`. */
export function check({ option, text, picked, file }, world) {
  if (option.type === ATTACHMENT) return checkFile(option, file);
  if (!text.trim()) return option.required ? { error: "This option is required. Specify a value." } : {};
  if (picked && picked.name === text) return { value: picked.value };
  const choices = choicesOf(option, world);
  if (choices) {
    const choice = chosen(choices, text);
    return choice ? { value: choice.value } : { error: "Choose one of the listed options." };
  }
  return option.type === STRING ? checkText(option, text) : checkNumber(option, text);
}

function checkText({ min_length: least = 0, max_length: most = STRING_LENGTH }, text) {
  if (text.length < least) return { error: `Must be at least ${least} characters long, this is ${text.length}.` };
  if (text.length > most) return { error: `Must be ${most} characters or fewer, this is ${text.length}.` };
  return { value: text };
}

function checkNumber({ type, min_value: least = -BOUND, max_value: most = BOUND }, text) {
  const number = Number(text);
  if (type === INTEGER && !Number.isInteger(number)) return { error: "Input a valid integer." };
  if (type === NUMBER && !Number.isFinite(number)) return { error: "Input a valid number." };
  if (number < least || number > most) {
    if (least === -BOUND) return { error: `Must be ${most} or less.` };
    return { error: most === BOUND ? `Must be ${least} or more.` : `Must be between ${least} and ${most}.` };
  }
  return { value: number };
}

function checkFile({ required }, file) {
  if (!file) return required ? { error: "This option is required. Attach a file." } : {};
  if (file.size > SIZE_LIMIT_BYTES)
    return { error: `Your file is too large: ${bytes(file.size)}, the limit is ${bytes(SIZE_LIMIT_BYTES)}.` };
  return { value: file };
}

/** A checked file as the control API takes it. */
export async function encoded(file) {
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
  return { filename: file.name, b64: url.slice(url.indexOf(",") + 1) };
}
