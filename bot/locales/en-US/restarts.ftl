## Around a restart

restarting = The bot is restarting; your place is kept.
failed-unsure = The bot was interrupted while it showed this. It may not read this channel, so it cannot tell whether the pictures are there, and did not show them again.
