"""Measures one way to draw: its capacity, and how long requests wait that come one by one at a share of that."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from engine import loop, offload  # noqa: F401 - loaded before a model is, so that they do not count as its memory
from engine.benchmark.arrivals import Latency, one_at_a_time, poisson_arrivals
from engine.benchmark.peak import Peak
from engine.benchmark.reference import Reference
from engine.events import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.devices import Device
    from engine.engine import Engine
    from engine.models import ModelFolder
    from engine.request import CompleteRequest

WARM_UP_STEPS = 3
"""Of a picture that is not measured: libraries choose their kernels then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one way to draw."""

    pictures_per_s: float
    """Where all requests are there from the start."""
    first_picture_s: Latency
    """From the request's arrival, at the load."""
    last_picture_s: Latency
    peak_bytes: int | None


class _Waited(NamedTuple):
    """Seconds from a request's arrival to its pictures."""

    first_s: float
    last_s: float


async def measure_engine(
    engine: Engine, device: Device, requests: Sequence[CompleteRequest], load: float
) -> tuple[Figures, tuple[float, ...]]:
    """
    What the engine does with these requests, and the arrivals by which the latencies were measured.

    Args:
        load: requests come as fast as this share of the capacity.
    """
    peak = Peak(device.device)
    async with engine:
        await engine.generate(_warm_up(requests))
        began = time.perf_counter()
        await asyncio.gather(*map(engine.generate, requests))
        took_s = time.perf_counter() - began
        arrivals = poisson_arrivals(len(requests), load * len(requests) / took_s)
        began = time.perf_counter()
        waited = await asyncio.gather(
            *(_wait(engine, request, began + after) for request, after in zip(requests, arrivals, strict=True))
        )
    figures = Figures(
        pictures_per_s=_pictures(requests) / took_s,
        first_picture_s=Latency.of([each.first_s for each in waited]),
        last_picture_s=Latency.of([each.last_s for each in waited]),
        peak_bytes=peak.bytes,
    )
    return figures, arrivals


async def _wait(engine: Engine, request: CompleteRequest, arrives_at: float) -> _Waited:
    await asyncio.sleep(max(0.0, arrives_at - time.perf_counter()))
    async with aclosing(engine.stream(request)) as events:
        ends = [time.perf_counter() - arrives_at async for event in events if isinstance(event, Picture)]
    return _Waited(ends[0], ends[-1])


def measure_diffusers(
    folder: ModelFolder, device: Device, requests: Sequence[CompleteRequest], arrivals: Sequence[float]
) -> Figures:
    """What diffusers' own pipeline does with these requests, each as soon as the one before is done."""
    peak = Peak(device.device)
    reference = Reference(folder, device)
    reference.seconds(_warm_up(requests))
    seconds = [reference.seconds(request) for request in requests]
    waited = Latency.of(one_at_a_time(arrivals, seconds))
    return Figures(
        pictures_per_s=_pictures(requests) / sum(seconds),
        first_picture_s=waited,  # a pipeline's pictures come all together
        last_picture_s=waited,
        # Of the CPU's resident set the engine has had the most before.
        peak_bytes=peak.bytes if device.device.type == "cuda" else None,
    )


def _warm_up(requests: Sequence[CompleteRequest]) -> CompleteRequest:
    return replace(requests[0], num_inference_steps=WARM_UP_STEPS, num_images=1)


def _pictures(requests: Sequence[CompleteRequest]) -> int:
    return sum(request.num_images for request in requests)
