## The line: waiting messages, "Why am I waiting?", Edit of what waits, /line

ready-at = ready { $at }
line-is-paused = the line is paused by this server's moderators
button-why = Why am I waiting?

why-title = #{ $id } is { $place }.
why-shared = { $members ->
    [one] Only one member shares
   *[other] { $members } members share
} the graphics card: { $drawn ->
    [one] { $drawn } request is
   *[other] { $drawn } requests are
} being drawn, and { $waiting ->
    [one] { $waiting } waits.
   *[other] { $waiting } wait.
} Everybody who waits gets one picture before anybody gets a second one.
why-share = As long as all of them have work, your share is about { $percent } %.
why-weight = Your weight here is { $weight }; who weighs more gets more of the places that are left.
why-own-before = { $count ->
    [one] One request of yours came before this one.
   *[other] { $count } requests of yours came before this one.
}
why-loading = The model is still being loaded, so I cannot say yet when it will be ready.
why-ready = At the speed of the last pictures: { $ready }.
why-paused = The moderators of this server have paused the line. Your request stays in it, and goes on when they resume it.
waits-no-more = This request does not wait any more.

form-title-change = Change what waits
not-yours-change = Only the member who asked for this can change it.
change-not-agreed = { $title } asks for your yes to its licence first: ask for a picture with /imagine, and it will be shown to you.
change-too-late = It does not wait any more, so it cannot be changed. Edit under the finished picture draws it again.

command-line = line
    .description = What waits in the line here: show it, clear it, pause it.
command-line-show = show
    .description = What is being drawn and what waits, with places.
command-line-clear = clear
    .description = Withdraw what waits, of a member, of a role, or of who has joined lately. All is refunded.
command-line-pause = pause
    .description = Let nothing more of this server start; what is being drawn is finished.
command-line-resume = resume
    .description = Let what waits in this server start again.
option-member-to-clear = Only this member's requests.
option-role-to-clear = Only requests of members with this role.
option-joined-since = joined_since
    .description = Only requests of who has joined the server in the last so many days.

line-title = In this server { $drawn ->
    [one] { $drawn } request is
   *[other] { $drawn } requests are
} being drawn and { $waiting ->
    [one] { $waiting } waits
   *[other] { $waiting } wait
}, of { $members ->
    [one] { $members } member.
   *[other] { $members } members.
} Places count every server that I draw for.
line-title-everywhere = In all servers { $drawn ->
    [one] { $drawn } request is
   *[other] { $drawn } requests are
} being drawn and { $waiting ->
    [one] { $waiting } waits
   *[other] { $waiting } wait
}, of { $members ->
    [one] { $members } member.
   *[other] { $members } members.
}
line-shows-paused = The line is paused: nothing starts before /line resume.
line-row = • #{ $id } for { $member } · { $place }
line-row-paused = paused
line-more = … and { $count } more.
line-clear-ask = { $count } requests wait and would be withdrawn and refunded. Their messages will say so.
line-clear-confirm = Withdraw { $count } requests
line-cleared-says = { $count ->
    [0] Nothing like that waits, so nothing was withdrawn.
    [one] { $count } request was withdrawn and refunded.
   *[other] { $count } requests were withdrawn and refunded.
}
line-cleared = Moderators have cleared the line.
line-paused-says = The line is paused: nothing more starts, and what waits stays. What is being drawn is finished. /line resume lets it go on.
line-paused-already = The line was paused already.
line-resumed-says = The line goes on.
line-resumed-already = The line was not paused.
line-paused-above = Your server's pause is over, but the owner of this bot has paused the whole line.
line-resumed-but-here = The whole line goes on, except for the servers whose own moderators have paused theirs, this one among them.

audit-line-cleared = { $actor } cleared the line: { $count } withdrawn
audit-line-paused = { $actor } paused the line
audit-line-resumed = { $actor } resumed the line
