## Room on the disk

operator-data-dir = DATA_DIR { $path } cannot be written: { $reason }.
operator-data-dir-is-file = DATA_DIR { $path } is a file: name a folder.

disk-full = The disk of the machine that draws is nearly full, so nothing new is taken on; tell the person who runs this bot.
