from hypothesis import HealthCheck, settings

# A busy machine is slow without any of our doing.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
