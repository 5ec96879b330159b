## What was done, as moderators read it in the log channel and in /moderate audit

audit-title = What was done here, newest first:
audit-empty = There is nothing.
audit-action-unknown = { $text } is no kind of entry.
audit-entries = -# entries { $first } to { $last }
audit-the-bot = the bot
audit-nobody = nobody
audit-nothing = nothing
audit-reason = Reason: { $reason }
audit-other = { $actor }: { $action } ({ $member })

audit-refused = { $member } was refused in <#{ $channel_id }>: { $key }
audit-settings-changed = { $actor } changed { $name ->
    [log-channel] the log channel
    [moderators-role] the moderators' role
    [flagged] what becomes of flagged pictures
    [time-zone] the time zone
    [channels] the channels
    [models] the models
   *[other] { $name }
} from { $before } to { $after }
audit-block = { $actor } blocked { $member } { $until ->
    [never] for good
   *[other] until { $until }
}
audit-unblock = { $actor } unblocked { $member }
audit-purge = { $actor } deleted all pictures of { $member } since { $since }: { $count }
audit-deleted = { $actor } deleted a picture of { $member }
audit-delete-failed = { $actor } could not delete a picture of { $member }, which I cannot reach
audit-withdrawn = { $actor } withdrew a request of { $member }
audit-report = { $actor } reported a picture of { $member }
audit-log-unreachable = { $channel } takes no messages of the bot any more

action-agreed = agreed
action-appeal = appeals
action-appeal-approved = appeals approved
action-appeal-upheld = appeals turned down
action-block = blocks
action-delete-failed = deletions that failed
action-deleted = deletions
action-filter-added = filters added
action-filter-hit = filter hits
action-filter-removed = filters removed
action-filter-slow = filters that take too long
action-floor-blocked = blocks by the floor
action-floor-hit = floor hits
action-limit-cleared = limits cleared
action-limit-set = limits set
action-line-cleared = lines cleared
action-line-paused = lines paused
action-line-resumed = lines resumed
action-log-unreachable = log channel out of reach
action-purge = purges
action-refused = refusals
action-report = reports
action-settings-changed = settings changed
action-unblock = unblocks
action-withdrawn = withdrawals
