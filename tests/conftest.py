"""Settings that all tests share."""

import os

from hypothesis import HealthCheck, settings

# No deadline: the machine may be busy with other tests. CI draws the same examples each time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
