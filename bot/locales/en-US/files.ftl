## What is not sent twice

failed-unsure = The bot was interrupted while it showed this. It may not read this channel, so it cannot tell whether the pictures are there, and did not show them again.

## Room on the disk

disk-full = The disk of the machine that draws is nearly full, so nothing new is taken on; tell the person who runs this bot.
