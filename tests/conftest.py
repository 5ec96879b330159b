import os

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# A busy machine is slow without any of our doing.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many processes as cores: one thread each, in the bots that they start as well.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


class EndToEndTogether(LoadFileScheduling):
    """A file is one process's work; those that share a bot come one after another, since it lives on their loop."""

    def _split_scope(self, nodeid):
        return "tests/e2e" if nodeid.startswith("tests/e2e/test_e2e") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return EndToEndTogether(config, log)
