## /history

history-empty = You have asked for nothing here yet. Try /imagine.
history-title = Your pictures here, newest first:
history-line = #{ $id } { $when } · **{ $prompt }** · { $seeds } · { $state }{ $link }
history-link = { " " }· [show]({ $url })
history-no-more = You have no older pictures here.
state-queued = in line
state-running = being drawn
state-done = done
state-failed = failed: { $reason }
state-cancelled = withdrawn: { $reason }
