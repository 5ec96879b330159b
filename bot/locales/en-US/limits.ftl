## /limits

limit-pictures-per-day = Pictures a day
limit-places-in-line = Places in the line
limit-pixels = Pixels
limit-steps = Steps
limit-value = { $value }
limit-value-square = { $value } ({ $side }×{ $side })
limits-of-server = Limits of this server:
limits-of-member = Limits of { $member } here:
limits-line = • { $name }: **{ $value }** ({ $source })
limits-from-member = set for this member
limits-from-server = set for this server
limits-from-operator = the bot's own
limits-at-most = { $source }; at most { $ceiling }
limits-changed-server = { $name } of this server: { $before } → **{ $after }**
limits-changed-member = { $name } of { $member }: { $before } → **{ $after }**
