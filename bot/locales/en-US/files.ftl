## Room on the disk

disk-full = The disk of the machine that draws is nearly full, so nothing new is taken on; tell the person who runs this bot.
