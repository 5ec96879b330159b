"""Every SQL statement of the bot, one function each."""
