## /limits

limit-pictures-per-day = Pictures a day
limit-places-in-line = Places in the line
limit-pixels = Pixels
limit-steps = Steps
limit-pictures-per-request = Pictures a request
limit-seconds-per-day = Seconds a day
limit-seconds-between = Seconds between requests
limit-places-of-channel = Places of a whole channel
limit-places-of-server = Places of the whole server
limit-models = Models
limit-loras = LoRAs
limit-channels = Channels
limit-account-days = Days since the account was made
limit-joined-days = Days since joining
limit-value = { $value }
limit-value-square = { $value } ({ $side }×{ $side })
limit-none = no limit
limit-slow-mode = the channel's slow mode
limit-everything = all
limit-nothing = none
limit-together = { $value } together
limit-you = you
limit-reason = “{ $reason }”
limit-until = until { $until }
limit-note = (limit for { $whose }{ $conditions })

limits-this-server = this server
limits-of-server = Limits of this server:
limits-of-some = Limits of { $target } here:
limits-of-others = Set for some:
limits-line = • { $name }: **{ $value }** ({ $source })
limits-used = { $line }, { $used } used
limits-rule = • { $target }: { $name } **{ $value }**{ $conditions }
limits-more = { $count ->
    [one] … and { $count } more line.
   *[other] … and { $count } more lines.
}
limits-why = Limits of { $member } in { $channel }, and what decides each:
limits-from-member = set for this member
limits-from-role = set for { $target }
limits-from-channel = set for { $target }
limits-from-server = set for this server
limits-from-operator = the bot's own
limits-at-most = { $source }; at most { $ceiling }
limits-at-least = { $source }; at least { $ceiling }
limits-changed = { $name } of { $target }: { $before } → **{ $after }**
limits-all-cleared = All limits of { $target } are taken back.
limits-question = { $count ->
    [one] That withdraws { $count } waiting request, which is refunded. Nothing has changed yet.
   *[other] That withdraws { $count } waiting requests, which are refunded. Nothing has changed yet.
}
limits-withdrawn = { $count ->
    [one] { $count } waiting request was withdrawn and refunded.
   *[other] { $count } waiting requests were withdrawn and refunded.
}
limits-too-late = This question was answered already, or is too old. Nothing has changed now: run /limits again.
limits-one-target = Limits are for one member, one role or one channel: choose only one of them, or none for the whole server.
button-limits = { $count ->
    [one] Change it and withdraw { $count } request
   *[other] Change it and withdraw { $count } requests
}

## What cannot be set

limit-no-number = { $name } must be a number (Pixels also a size like 1024x1024), got { $text }.
limit-unknown = { $text } is no limit.
limit-too-small = { $name } must be at least { $minimum }, got { $value }.
limit-above-ceiling = { $name } can be at most { $ceiling } here, which is what the person who runs this bot allows; got { $value }.
limit-below-floor = { $name } must be at least { $ceiling } here, which is what the person who runs this bot asks for; got { $value }.
limit-names = Say “all”, “none”, or up to { $maximum } names with commas between them.
limit-channel-unknown = I know no channel { $text }: choose one of those that are offered.
limit-not-for-this = { $name } cannot be set for that: places of a whole channel are for a channel or the server, those of the whole server for the server, and channels for the server, a role or a member.
limit-no-pot = { $name } cannot be a common pot here. Pictures a day, seconds a day, places in the line and seconds between requests can be, for the server, a role or a channel.

## What goes beyond a limit

too-many-pictures = { $asked } pictures are too many for one message; at most { $limit }.
too-many-pictures-here = { $asked } pictures are too many for one request: at most { $limit } here.
too-many-pixels = { $width }×{ $height } is too large: at most { $limit } pixels here, such as { $side }×{ $side }.
too-many-steps = { $asked } steps are too many: at most { $limit } here.
channel-not-allowed = You may not draw in this channel, but in { $channels }.
channel-none-allowed = You may not draw in any channel of this server.
model-not-allowed = The model { $model } is not allowed here. Allowed: { $models }.
model-none-allowed = No model is allowed here.
lora-not-allowed = The LoRA { $lora } is not allowed here. Allowed: { $loras }.
lora-none-allowed = LoRAs are not allowed here: leave { $lora } out.
account-too-young = Your account must be { $limit ->
    [one] one day
   *[other] { $limit } days
} old to draw here. It will be { $more_at }.
joined-too-lately = You may draw here once you have been a member for { $limit ->
    [one] one day
   *[other] { $limit } days
}: { $more_at }.
quota-zero = You may have no pictures here ({ $limit } a day).
quota-used-up = { $limit ->
    [one] You have used your one picture for today. More { $more_at }.
   *[other] You have used all { $limit } pictures for today. More { $more_at }.
}
quota-too-few-left = You asked for { $asked } pictures and have { $left } of { $limit } left today. More { $more_at }.
quota-everywhere = { $left ->
    [0] You have used all { $limit } pictures that you may have a day in all servers together. More { $more_at }.
   *[other] You asked for { $asked } pictures and have { $left } left of the { $limit } a day in all servers together. More { $more_at }.
}
quota-of-pot = { $left ->
    [0] The { $limit } pictures a day that many share here are used. More { $more_at }.
   *[other] You asked for { $asked } pictures, and of the { $limit } a day that many share here { $left } are left. More { $more_at }.
}
seconds-used-up = { $left ->
    [0] You have used all { $limit } seconds of drawing for today. More { $more_at }.
   *[other] This takes about { $asked } seconds of drawing, and you have { $left } of { $limit } left today. More { $more_at }.
}
seconds-everywhere = { $left ->
    [0] You have used all { $limit } seconds of drawing that you may have a day in all servers together. More { $more_at }.
   *[other] This takes about { $asked } seconds of drawing, and you have { $left } left of the { $limit } a day in all servers together. More { $more_at }.
}
seconds-of-pot = { $left ->
    [0] The { $limit } seconds of drawing a day that many share here are used. More { $more_at }.
   *[other] This takes about { $asked } seconds of drawing, and of the { $limit } a day that many share here { $left } are left. More { $more_at }.
}
places-zero = You may have no places in the line here ({ $limit }).
places-used-up = { $limit ->
    [one] You already have a request in the line, and { $limit } is the limit here. Wait until it is ready, or cancel it.
   *[other] You already have { $limit } requests in the line, and that is the limit here. Wait until one is ready, or cancel one.
}
places-everywhere = You have as many requests in the line as you may have in all servers together ({ $limit }). Wait until one is ready, or cancel one.
places-of-pot = The places in the line that many share here are taken ({ $limit }). Try again when one of these requests is ready.
places-of-channel-used-up = This channel's places in the line are taken ({ $limit }). Try again when one of its requests is ready.
places-of-server-used-up = This server's places in the line are taken ({ $limit }). Try again when one of its requests is ready.
too-soon = From one request to the next it must be { $limit ->
    [one] one second
   *[other] { $limit } seconds
} here. Try again { $more_at }.
too-soon-in-pot = From one request to the next, whoever asks, it must be { $limit ->
    [one] one second
   *[other] { $limit } seconds
} here. Try again { $more_at }.

change-of-past-day = What waits counts for the day on which it was asked for, and too little of that day is left for this change. Ask for it with /imagine instead.

## Why a waiting request was withdrawn

withdrawn-pictures-per-day = Your limits have changed: this was more pictures than there are for that day now.
withdrawn-seconds-per-day = Your limits have changed: this was more drawing than there is for that day now.
withdrawn-places-in-line = Your limits have changed: there are fewer places in the line now.
withdrawn-places-of-channel = The limits here have changed: this channel has fewer places in the line now.
withdrawn-places-of-server = The limits here have changed: this server has fewer places in the line now.
withdrawn-pictures-per-request = Your limits have changed: { $count } pictures are too many for one request now.
withdrawn-pixels = Your limits have changed: { $width }×{ $height } is too large now.
withdrawn-steps = Your limits have changed: { $steps } steps are too many now.
withdrawn-models = Your limits have changed: the model { $model } is not allowed now.
withdrawn-loras = Your limits have changed: a LoRA of this prompt is not allowed now.
withdrawn-channels = Your limits have changed: this channel is not for you now.
withdrawn-account-days = Your limits have changed: your account is too young now.
withdrawn-joined-days = Your limits have changed: you have not been a member for long enough now.
withdrawn-ceiling = This is more than the person who runs this bot allows now.

## What the audit says

audit-limit-set = { $actor } set { $name } of { $scope ->
    [server] this server
   *[other] { $target }
}: { $before } → { $after }
audit-limit-cleared = { $actor } took { $which ->
    [all] all limits of { $scope ->
        [server] this server
       *[other] { $target }
    } back
   *[one] { $name } of { $scope ->
        [server] this server
       *[other] { $target }
    } back: { $before } → { $after }
}
