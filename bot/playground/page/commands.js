/** Slash commands as they are typed: every runnable path, and what a typed line means. */

export const STRING = 3;
export const INTEGER = 4;
export const BOOLEAN = 5;
export const USER = 6;
export const CHANNEL = 7;
export const ROLE = 8;
export const MENTIONABLE = 9;
export const NUMBER = 10;
export const ATTACHMENT = 11;

const GROUPS = 2;

/** Every command that can be run, sub commands by their whole path: `{path, description, options}`. */
export function runnable(commands) {
  return commands.flatMap((command) => leaves(command, command.name)).sort((a, b) => a.path.localeCompare(b.path));
}

function leaves({ description, options = [] }, path) {
  const below = options.filter(({ type }) => type <= GROUPS);
  return below.length
    ? below.flatMap((option) => leaves(option, `${path} ${option.name}`))
    : [{ path, description, options }];
}

/** The option that text after the command is for: the first required one, else the first. */
export function primaryOption(command) {
  return (
    command.options.find(({ required, type }) => required && type !== ATTACHMENT) ??
    (command.options.some(({ required }) => required) ? undefined : command.options[0])
  );
}

/**
 * What `line` asks for: `{command, texts}`, the texts by option name, or null where no command of `all` begins it.
 *
 * Text after the command belongs to its primary option as it stands, unless it begins with an option's name and a
 * colon: then every `name:` begins that option.
 */
export function parseLine(line, all) {
  const command = all
    .filter(({ path }) => line === `/${path}` || line.startsWith(`/${path} `) || line.startsWith(`/${path}\n`))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (!command) return null;
  const rest = line.slice(command.path.length + 1).trim();
  return { command, rest, texts: rest ? textsOf(rest, command) : {} };
}

function textsOf(rest, command) {
  const names = command.options.map(({ name }) => name.replace(/[-']/g, "\\$&")).join("|");
  const begins = new RegExp(`(?:^|\\s)(${names}):`, "gu");
  const found = names ? [...rest.matchAll(begins)] : [];
  if (found[0]?.index !== 0) {
    const primary = primaryOption(command);
    return primary ? { [primary.name]: rest } : {};
  }
  return Object.fromEntries(
    found.map((match, index) => [match[1], rest.slice(match.index + match[0].length, found[index + 1]?.index).trim()]),
  );
}

/** The commands whose path begins with what was typed, then those that contain it. */
export function matching(typed, all) {
  const wanted = typed.toLowerCase();
  const begins = all.filter(({ path }) => path.startsWith(wanted));
  return [...begins, ...all.filter((command) => !begins.includes(command) && command.path.includes(wanted))];
}
