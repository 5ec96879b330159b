"""LoRAs: found, read, and put beside a network's own weights."""
