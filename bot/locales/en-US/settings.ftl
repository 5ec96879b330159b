## /settings

command-settings = settings
    .description = What holds for this whole server: log, moderators, flagged pictures, time zone.
settings-title = **Settings of this server** (only you see this)
settings-none = none
settings-log-channel = • Log channel: { $value }
settings-moderators-role = • Moderators' role: { $value }
settings-flagged = • Flagged pictures in age-restricted channels: { $value }
settings-time-zone = • Time zone: { $value }
settings-log-failing = I could not write into the log channel the last time. Let me see it and send messages there, or choose another.
settings-choose-log = Log channel: nobody has chosen one
settings-choose-role = Moderators' role: nobody has chosen one
settings-log-begins = From now on I write here what moderators do with this bot, and what it refuses.
settings-log-closed = I may not write in <#{ $channel }>. Allow me “View Channel” and “Send Messages” there, or choose another.
settings-role-everyone = Everybody has this role: choose one that only moderators have.
settings-zone-title = Another time zone
settings-zone-name = Time zone
    .description = A name like Europe/Berlin or Asia/Shanghai.
settings-zone-unknown = I know no time zone { $text }. Names look like Europe/Berlin or Asia/Shanghai.
settings-zone-unknown-near = I know no time zone { $text }. Nearest: { $near }.
flagged-spoiler = shown as a spoiler
flagged-stand-in = replaced by a coarse stand-in
flagged-show = shown
button-settings-zone = Another time zone
panel-outdated = This panel is old. Run the command again.
