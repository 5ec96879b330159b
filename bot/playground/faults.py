"""Faults on demand: the next requests that match fail, wait, are cut off, or lose their answer."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.playground.errors import ApiError, NotPossible

RATE_LIMITED = 429
MESSAGES = {429: "You are being rate limited.", 500: "500: Internal Server Error", 502: "502: Bad Gateway"}


@dataclass(slots=True)
class Fault:
    """
    What goes wrong with the next `times` requests whose method and path match.

    It waits `delay_s`, then answers `status` or cuts the line; with `after_effect` once the request has done its work.
    """

    method: str = "*"
    path: str = "*"
    times: int = 1
    status: int | None = None
    code: int = 0
    message: str | None = None
    retry_after: float | None = None
    delay_s: float = 0.0
    cut: bool = False
    after_effect: bool = False

    def __post_init__(self) -> None:
        if self.status is None and not self.cut and not self.delay_s:
            raise NotPossible("a fault needs a status, a delay_s or cut")
        if self.times < 1:
            raise NotPossible(f"a fault happens at least once, got times={self.times}")

    def matches(self, method: str, path: str) -> bool:
        """Whether it happens to this request; `path` may hold `*`."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def error(self) -> ApiError | None:
        """The answer that Discord gives instead."""
        if self.status is None:
            return None
        message = self.message or MESSAGES.get(self.status) or f"{self.status}: injected"
        if self.status != RATE_LIMITED:
            return ApiError(self.status, self.code, message)
        retry_after = 0.1 if self.retry_after is None else self.retry_after
        return ApiError(self.status, self.code, message, retry_after=retry_after, **{"global": False})


class Faults:
    """What is armed, in the order of arming; each request meets at most one."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        """Let it happen from now on."""
        self._armed.append(fault)

    def clear(self) -> None:
        """Let nothing more happen."""
        self._armed.clear()

    @property
    def armed(self) -> int:
        """How many faults have not yet happened as often as asked."""
        return len(self._armed)

    def meet(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        for fault in self._armed:
            if fault.matches(method, path):
                fault.times -= 1
                if not fault.times:
                    self._armed.remove(fault)
                return fault
        return None
