"""Benchmarks: they print figures and assert nothing about time. `BENCH_ROUNDS=1` is the quick way through."""

import os
from pathlib import Path
from statistics import median, quantiles

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """A benchmark runs only where it is asked for, and waits for real work, on machines of any speed."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.bench)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture
def rounds():
    """How often each measurement is repeated."""
    return int(os.environ.get("BENCH_ROUNDS", "5"))


@pytest.fixture
def table():
    """Prints what was measured, with what else the machine had to do meanwhile."""

    def table(title: str, rows: dict[str, str]) -> None:
        width = max(map(len, rows))
        load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
        lines = [f"{title} ({os.cpu_count()} cores, load {load})"]
        lines += [f"  {what:<{width}}  {figure}" for what, figure in rows.items()]
        print("", "", *lines, sep="\n")  # noqa: T201 - figures are for people

    return table


@pytest.fixture
def spread():
    """The median of several figures, with the quarter above and below it."""

    def spread(values: list[float], unit: str = "") -> str:
        if len(values) == 1:
            return f"{values[0]:.2f}{unit}"
        lower, _, upper = quantiles(values, n=4, method="inclusive")
        return f"{median(values):.2f}{unit} (half of {len(values)} between {lower:.2f}{unit} and {upper:.2f}{unit})"

    return spread


@pytest.fixture
def percentiles():
    """The median, the 99th percentile and the worst of many figures."""

    def percentiles(values: list[float], unit: str) -> str:
        ranked = sorted(values)
        p50, p99 = (ranked[int(share * (len(ranked) - 1))] for share in (0.5, 0.99))
        return f"p50 {p50:.1f}{unit}, p99 {p99:.1f}{unit}, worst {ranked[-1]:.1f}{unit} of {len(ranked)}"

    return percentiles
