import os

from hypothesis import HealthCheck, settings

# A busy machine is slow without any of our doing.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # as many processes as cores: one thread each, in the bots that they start as well
    os.environ.setdefault("OMP_NUM_THREADS", "1")
