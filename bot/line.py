"""The fair line: who is drawn next. Pure: no clock, no database, no Discord."""

from __future__ import annotations

from bisect import bisect_left, insort
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

LEAST_COST_S = 0.01
"""Of a request whose seconds of GPU are not known."""
FEW = 64


@dataclass(slots=True)
class _Entry:
    """A request in the line."""

    user_id: int
    cost: float
    """Estimated seconds of GPU, divided by its member's weight."""
    arrival: int
    start: float = 0.0
    """When it begins, in virtual time."""

    def copy(self) -> _Entry:
        """The same at this moment."""
        return _Entry(self.user_id, self.cost, self.arrival, self.start)


@dataclass(slots=True)
class _Member:
    """One member's requests, in the order in which they are served."""

    start: float
    """When the first of them begins, in virtual time."""
    waiting: list[int] = field(default_factory=list)


class Line:
    """
    Start-time fair queueing over members, by estimated seconds of GPU and weight; first come within one member.

    Each request begins at a virtual time: when the member's one before it ends, or now for who has just come. The
    earliest is served. So between two members of equal weight who both wait all the time, the seconds served never
    differ by more than the largest request of each.

    Source: Goyal, Vin, Cheng 1996, "Start-time Fair Queuing", section 2.
    """

    def __init__(self) -> None:
        self._now = 0.0
        """The virtual time at which the request that was served last began."""
        self._arrivals = 0
        self._entries: dict[int, _Entry] = {}
        self._members: dict[int, _Member] = {}
        self._ended: dict[int, float] = {}
        """Of members who do not wait: when what they were served ends, as long as that is not past."""
        self._most_ended = FEW
        """With more of them, it is looked which are past."""
        self._order: list[tuple[float, int, int]] = []
        """Every request by its virtual start, then as they came."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._entries

    def __iter__(self) -> Iterator[int]:
        """The requests in the order in which they would be served."""
        return (request_id for _, _, request_id in self._order)

    def has_waiting(self, user_id: int) -> bool:
        """Whether anything of a member waits."""
        return user_id in self._members

    @property
    def remembered(self) -> int:
        """How many members are held in memory, those who do not wait among them."""
        return len(self._members) + len(self._ended)

    def add(
        self, request_id: int, user_id: int, *, cost: float = 1.0, weight: float = 1.0, front: bool = False
    ) -> None:
        """
        Let a request wait: behind the member's others, or before them where it was given back (`front`).

        Args:
            cost: estimated seconds of GPU.
            weight: of two members, who has twice the other's gets twice the seconds.
        """
        if request_id in self._entries:
            raise ValueError(f"request {request_id} already waits")
        self._entries[request_id] = entry = _Entry(user_id, max(cost, LEAST_COST_S) / weight, self._arrivals)
        self._arrivals += 1
        if user_id not in self._members:
            self._members[user_id] = _Member(max(self._now, self._ended.pop(user_id, 0.0)))
        member = self._members[user_id]
        if front:  # its seconds were not spent
            member.start = max(0.0, member.start - entry.cost)
            with self._rearranged(user_id):
                member.waiting.insert(0, request_id)
        else:
            last = self._entries[member.waiting[-1]] if member.waiting else None
            entry.start = last.start + last.cost if last else member.start
            member.waiting.append(request_id)
            insort(self._order, (entry.start, entry.arrival, request_id))

    def remove(self, *request_ids: int) -> list[int]:
        """Take requests out wherever they stand; those of them that waited."""
        gone = [request_id for request_id in request_ids if request_id in self._entries]
        by_member: dict[int, set[int]] = {}
        for request_id in gone:
            by_member.setdefault(self._entries[request_id].user_id, set()).add(request_id)
        with self._rearranged(*by_member):
            for user_id, theirs in by_member.items():
                member = self._members[user_id]
                member.waiting = [request_id for request_id in member.waiting if request_id not in theirs]
            for request_id in gone:
                del self._entries[request_id]
        self._forget_past()
        return gone

    def change(self, request_id: int, *, cost: float, weight: float = 1.0) -> None:
        """
        Let a request that waits cost something else, where it stands.

        Raises:
            KeyError: it does not wait.
        """
        entry = self._entries[request_id]
        with self._rearranged(entry.user_id):
            entry.cost = max(cost, LEAST_COST_S) / weight

    def copy(self) -> Line:
        """The same line, which goes its own way from here."""
        other = Line()
        other._now, other._arrivals = self._now, self._arrivals
        other._entries = {request_id: entry.copy() for request_id, entry in self._entries.items()}
        other._ended, other._order = dict(self._ended), list(self._order)
        other._members = {
            user_id: _Member(member.start, list(member.waiting)) for user_id, member in self._members.items()
        }
        return other

    def peek(self, excluding: Container[int] = (), *, accepts: Callable[[int], bool] | None = None) -> int | None:
        """What `next` would give, left where it is."""
        looked_at: set[int] = set()
        for _, _, request_id in self._order:
            user_id = self._entries[request_id].user_id
            if user_id in looked_at or user_id in excluding:
                continue
            looked_at.add(user_id)
            for waiting in self._members[user_id].waiting:
                if accepts is None or accepts(waiting):
                    return waiting
        return None

    def next(self, excluding: Container[int] = (), *, accepts: Callable[[int], bool] | None = None) -> int | None:
        """
        Take out the request whose turn it is; None if nobody waits.

        Args:
            excluding: members who are passed over, and keep their turn.
            accepts: requests for which this is False are passed over, and keep their place.
        """
        request_id = self.peek(excluding, accepts=accepts)
        if request_id is None:
            return None
        entry = self._entries[request_id]
        member = self._members[entry.user_id]
        self._now = max(self._now, member.start)
        if member.waiting[0] == request_id:  # the others begin when they would have begun
            del self._order[self._index_of(request_id)], member.waiting[0]
            member.start += entry.cost
        else:
            member.start += entry.cost
            with self._rearranged(entry.user_id):
                member.waiting.remove(request_id)
        del self._entries[request_id]
        self._leave_if_served(entry.user_id)
        self._forget_past()
        return request_id

    def place_of(self, request_id: int) -> int:
        """
        The request's place if nobody else came: 1 is next.

        Raises:
            KeyError: it does not wait.
        """
        return 1 + self._index_of(request_id)

    def _index_of(self, request_id: int) -> int:
        entry = self._entries[request_id]
        return bisect_left(self._order, (entry.start, entry.arrival, request_id))

    @contextmanager
    def _rearranged(self, *user_ids: int) -> Iterator[None]:
        """Put members' requests into the order anew, after what is done to them."""
        theirs = {request_id for user_id in user_ids for request_id in self._members[user_id].waiting}
        are_few = len(theirs) <= FEW
        if are_few:
            for request_id in theirs:
                del self._order[self._index_of(request_id)]
        else:
            self._order = [each for each in self._order if each[2] not in theirs]
        yield
        for user_id in user_ids:
            start = self._members[user_id].start
            for request_id in self._members[user_id].waiting:
                entry = self._entries[request_id]
                entry.start = start
                start += entry.cost
                place = (entry.start, entry.arrival, request_id)
                insort(self._order, place) if are_few else self._order.append(place)
            self._leave_if_served(user_id)
        if not are_few:
            self._order.sort()  # runs that are sorted are merged

    def _leave_if_served(self, user_id: int) -> None:
        if not self._members[user_id].waiting:
            self._ended[user_id] = self._members.pop(user_id).start

    def _forget_past(self) -> None:
        """Where nobody waits, all are equal again; else whoever is not ahead any more is forgotten."""
        if not self._entries:
            self._ended.clear()
            self._now = 0.0
        elif len(self._ended) > self._most_ended:
            self._ended = {user_id: end for user_id, end in self._ended.items() if end > self._now}
            self._most_ended = 2 * len(self._ended) + FEW
