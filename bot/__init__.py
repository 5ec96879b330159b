"""The Discord bot: asks, admits, waits in line, hands to the engine, delivers, and forgets nothing."""
