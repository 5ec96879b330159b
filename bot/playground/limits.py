"""The numbers that the playground enforces and that a test may change while it runs."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(slots=True)
class Limits:
    """
    Discord's published limits as defaults.

    Route limits and the number of edits to old messages are unpublished; their values here are invented.
    """

    deadline_s: float = 3.0
    token_life_s: float = 900.0
    size_limit_bytes: int = 10 * MIB
    request_limit_bytes: int = 25 * MIB
    rate_limits: bool = False
    old_edits: int | None = None
    shards: int = 1
