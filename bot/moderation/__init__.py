"""What keeps a server decent: filters, the floor, blocks, what is flagged, reports, and the log of it all."""
