/** What the person at this page does to a server, its channels and its members, whoever they act as. */

import { openIntegrations, openPermissions } from "./rules.js";

const MINUTE_S = 60;
const SLOW_MODES_S = [0, 10, 60];

/** The menu of a member of the open server. */
export function memberActions(member, world) {
  const server = world.server.id;
  const act = (operation, more = {}) => () => world.change(operation, { member: member.username, server, ...more });
  const membership = world.membershipOf(member);
  if (!membership) {
    return world.server.banned.includes(member.id)
      ? [{ label: "Unban", drawing: "person", act: act("unban") }]
      : [
          { label: "Let join the server", drawing: "person", act: act("join") },
          { label: "Ban", drawing: "trash", isDanger: true, act: act("ban") },
        ];
  }
  const roles = world.givenRoles.map(({ id, name }) =>
    membership.roles.includes(id)
      ? { label: `Take role ${name}`, drawing: "close", act: act("take_role", { role: id }) }
      : { label: `Give role ${name}`, drawing: "attachment", act: act("give_role", { role: id }) },
  );
  const timeOut = membership.timed_out_until
    ? { label: "End time-out", drawing: "clock", act: act("time_out", { seconds: 0 }) }
    : { label: "Time out for 10 minutes", drawing: "clock", act: act("time_out", { seconds: 10 * MINUTE_S }) };
  return [
    ...roles,
    timeOut,
    { label: "Remove from server", drawing: "close", isDanger: true, act: act("remove") },
    { label: "Ban", drawing: "trash", isDanger: true, act: act("ban") },
  ];
}

/** The menu of the open server. */
export function serverActions(world) {
  const server = world.server.id;
  const bot = world.server.has_bot
    ? { label: "Kick the bot", drawing: "trash", isDanger: true, act: () => world.change("remove_bot", { server }) }
    : { label: "Invite the bot", drawing: "person", act: () => world.change("invite_bot", { server }) };
  return [{ label: "Integrations", drawing: "apps", act: () => openIntegrations(world) }, bot];
}

/** The menu of the open channel. */
export function channelActions(world) {
  const { room } = world;
  const channel = room.id;
  const slow = SLOW_MODES_S.filter((seconds) => seconds !== room.rate_limit_per_user).map((seconds) => ({
    label: seconds ? `Slow mode: ${seconds} s` : "Slow mode off",
    drawing: "clock",
    act: () => world.change("slow_mode", { channel, seconds }),
  }));
  return [
    { label: "Permissions", drawing: "lock", act: () => openPermissions(world, room) },
    ...slow,
    {
      label: room.parent_id ? "Delete thread" : "Delete channel",
      drawing: "trash",
      isDanger: true,
      act: () => world.change("delete_channel", { channel }),
    },
  ];
}
