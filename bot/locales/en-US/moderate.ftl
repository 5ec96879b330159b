## /moderate, and the menus Moderate and Report

command-moderate = moderate
    .description = Block members, purge their pictures, and read what was done.
command-moderate-block = block
    .description = Let a member draw nothing here for a while, and withdraw what of theirs waits.
command-moderate-unblock = unblock
    .description = Let a blocked member draw here again.
command-moderate-purge = purge
    .description = Delete a member's pictures here since a time. You are asked once more.
command-moderate-audit = audit
    .description = Who did what, when and why, newest first.
menu-moderate = Moderate
menu-report = Report

option-block-expires = expires
    .description = When it ends: 2h, 3 days, a date like 2026-12-31. Leave it out for good.
option-block-reason = reason
    .description = Why, in your words. The member reads it.
option-block-everywhere = everywhere
    .description = In all servers and direct messages; only for the person who runs this bot.
option-since = since
    .description = Since when: 2h, 3 days, or a date like 2026-12-31.
option-action-in-audit = Only this kind.
option-member-to-block = Who may draw no more.
option-member-to-unblock = Who may draw again.
option-member-to-purge = Whose pictures.
option-member-in-audit = Only what they did, or what is about them.

blocked-for-good = You may not draw here any more.
blocked-for-good-because = You may not draw here any more. Reason: { $reason }
blocked-until = You may not draw here now. You may again { $until }.
blocked-until-because = You may not draw here now. You may again { $until }. Reason: { $reason }

everywhere-not-yours = Only the person who runs this bot can block somebody everywhere.
moderate-blocked = { $member } may not draw { $where ->
    [everywhere] anywhere
   *[here] here
} { $until ->
    [never] any more
   *[other] until { $until }
}.
moderate-blocked-withdrawn = { $count ->
    [one] One request of theirs was withdrawn.
   *[other] { $count } requests of theirs were withdrawn.
}
moderate-unblocked = { $member } may draw here again.
moderate-not-blocked = { $member } is not blocked by this server.
moderate-still-blocked = They are blocked by the bot itself, which only the person who runs it can lift.
moderate-no-request = This message shows no request of mine.
moderate-unreachable = I can no longer reach that message: I may not see its channel.
moderate-made = Asked for by { $member } { $when } · #{ $id }
moderate-typed = As typed: { $text }
moderate-encoded = As encoded: { $text }
moderate-negative = Negative prompt: { $text }
moderate-deleted = #{ $id } is deleted.
moderate-withdrawn = { $count ->
    [0] Nothing of { $member } waits here.
    [one] One request of { $member } was withdrawn.
   *[other] { $count } requests of { $member } were withdrawn.
}
not-a-moderator = Only moderators can do this.
button-mod-delete = Delete
button-mod-hour = Delete and block: an hour
button-mod-day = Delete and block: a day
button-mod-good = Delete and block: for good
button-mod-withdraw = Withdraw waiting
button-mod-details = Details

purge-nothing = { $member } has no pictures here since { $since }.
purge-ask = { $count ->
    [one] One message of { $member } since { $since } would be deleted, with its pictures.
   *[other] { $count } messages of { $member } since { $since } would be deleted, with their pictures.
} This cannot be undone.
purge-begun = This has begun already, or was asked for by somebody else.
purge-progress = Deleting: { $done } of { $count }.
purge-done = Done: { $count } deleted.{ $unreachable ->
    [0] {""}
   *[other] {" "}{ $unreachable } could not be reached.
}
button-purge = Delete { $count }

report-title = Report to the moderators
report-reason = What is wrong with it?
    .description = You may leave this empty.
report-sent = Thank you. The moderators have been told.
report-nobody = This server has no place where reports arrive. Tell a moderator yourself, please.
report-again = You have reported this already. The moderators know.
report-enough = You have reported { $limit } pictures today, which is the most. Tell a moderator yourself, please.
report-card = **Report** by { $reporter }: [#{ $id }]({ $url }) of { $member }
