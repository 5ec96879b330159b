## Pictures that the safety checker flagged

flagged-as-stand-in = { $flagged ->
    [one] { $flagged } of { $count } pictures was withheld by the safety checker and not charged: a coarse stand-in takes its place.
   *[other] { $flagged } of { $count } pictures were withheld by the safety checker and not charged: coarse stand-ins take their places.
}
flagged-as-spoiler = { $flagged ->
    [one] { $flagged } of { $count } pictures was flagged by the safety checker and not charged: it is behind a spoiler.
   *[other] { $flagged } of { $count } pictures were flagged by the safety checker and not charged: they are behind spoilers.
}
flagged-as-show = { $flagged ->
    [one] { $flagged } of { $count } pictures was flagged by the safety checker and not charged.
   *[other] { $flagged } of { $count } pictures were flagged by the safety checker and not charged.
}
flagged-alt = A coarse stand-in for a picture that the safety checker withheld. Asked for: { $alt }
model-unchecked = { $title } has no safety checker, so it draws in age-restricted channels only. Whoever manages this channel can mark it as one.

## Appeals

button-appeal = Ask a moderator
button-appeal-of-several = Ask a moderator about picture { $position }
button-approve = Approve
button-uphold = Uphold
appeal-not-yours = Only the member who asked for this picture can ask a moderator about it.
appeal-again = A moderator has been asked about this picture already.
appeal-decided = A moderator has decided about this picture already.
appeal-no-log = This server has no moderators' log, so there is nobody to ask here. Whoever manages it can set one with /settings.
appeal-not-posted = The moderators' log cannot be written to just now. Try again in a minute.
appeal-sent = The moderators of this server have been asked about this picture. Its original is kept for 72 hours.
appeal-card = **Appeal** #{ $id }, picture { $position } of { $count }: { $member } asks whether the safety checker was wrong.
    { $url }
appeal-card-stand-in = -# This channel is not age-restricted, so the original is not shown here.
appeal-card-expired = -# The original is no longer kept.
appeal-card-approved = Approved by { $member }.
appeal-card-upheld = Upheld by { $member }.
appeal-done-approved = Approved: the original takes the place of the stand-in.
appeal-done-approved-expired = Approved, but the original is no longer kept (72 hours), so the stand-in stays. The message says so.
appeal-done-upheld = Upheld: the stand-in stays, and the message says so.
appeal-done-unsaid = Decided, but the message of the request cannot be changed: it is gone or closed to me.
appeal-not-moderator = Only moderators can decide about this: whoever may manage messages here, or has the moderators' role.
appeal-approved = A moderator looked at picture { $position } and approved it.
appeal-approved-expired = A moderator looked at picture { $position } and approved it, but its original is no longer kept.
appeal-upheld = A moderator looked at picture { $position } and agrees with the safety checker.

## In the moderators' log

audit-appeal = { $actor } asked the moderators about a picture that was withheld: picture { $position }.
audit-appeal-approved = { $actor } approved a picture of { $member } that had been withheld: picture { $position }.
audit-appeal-upheld = { $actor } upheld that a picture of { $member } was withheld: picture { $position }.
