"""What a server's moderators allow: rules and who they hold for, a server's days, what was had, and changes."""
