"""Hypothesis profiles: `dev` by default, `ci` where the variable CI is set, or the one named in HYPOTHESIS_PROFILE.

`ci` and `gate` draw the same examples at each run: whether a change passes does not depend on luck.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile("gate", max_examples=30, deadline=None, derandomize=True)
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
