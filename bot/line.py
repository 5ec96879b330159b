"""The fair line: who is drawn next. Pure: no clock, no database, no Discord."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container


class Line:
    """
    Round robin over members, first come within one.

    Members take turns in the order in which they began to wait: whoever is served goes to the end of the round, and
    whoever has nothing left leaves it. So between two members who both wait all the time, the numbers served never
    differ by more than one.
    """

    def __init__(self) -> None:
        self._round: OrderedDict[int, deque[int]] = OrderedDict()
        self._members: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._members

    def add(self, request_id: int, user_id: int, *, front: bool = False) -> None:
        """Let a request wait: behind the member's others, or before them where it was given back (`front`)."""
        if request_id in self._members:
            raise ValueError(f"request {request_id} already waits")
        self._members[request_id] = user_id
        waiting = self._round.setdefault(user_id, deque())
        if front:
            waiting.appendleft(request_id)
        else:
            waiting.append(request_id)

    def remove(self, request_id: int) -> bool:
        """Take a request out wherever it stands; False if it does not wait."""
        user_id = self._members.pop(request_id, None)
        if user_id is None:
            return False
        waiting = self._round[user_id]
        waiting.remove(request_id)
        if not waiting:
            del self._round[user_id]
        return True

    def copy(self) -> Line:
        """The same line, which goes its own way from here."""
        other = Line()
        other._round = OrderedDict((user_id, deque(waiting)) for user_id, waiting in self._round.items())
        other._members = dict(self._members)
        return other

    def peek(self, excluding: Container[int] = (), *, accepts: Callable[[int], bool] | None = None) -> int | None:
        """What `next` would give, left where it is."""
        for user_id, waiting in self._round.items():
            if user_id not in excluding:
                for request_id in waiting:
                    if accepts is None or accepts(request_id):
                        return request_id
        return None

    def next(self, excluding: Container[int] = (), *, accepts: Callable[[int], bool] | None = None) -> int | None:
        """
        Take out the request whose turn it is; None if nobody waits.

        Args:
            excluding: members who are passed over, and keep their turn.
            accepts: requests for which this is False are passed over, and keep their place.
        """
        request_id = self.peek(excluding, accepts=accepts)
        if request_id is not None:
            user_id = self._members[request_id]
            self.remove(request_id)
            if user_id in self._round:
                self._round.move_to_end(user_id)
        return request_id

    def place_of(self, request_id: int) -> int:
        """
        The request's place if nobody else came: 1 is next.

        Raises:
            KeyError: it does not wait.
        """
        user_id = self._members[request_id]
        rounds_before = self._round[user_id].index(request_id)
        place = 1
        is_behind = False
        for member, waiting in self._round.items():
            is_behind = is_behind or member == user_id
            place += min(len(waiting), rounds_before if is_behind else rounds_before + 1)
        return place
