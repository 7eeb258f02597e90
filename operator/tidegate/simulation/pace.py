"""How a simulation ticks: from change to change, which is what makes thirteen days short."""

from __future__ import annotations

import math
from typing import Final

from tidegate.core.model.pace import Pace

FROM_CHANGE_TO_CHANGE: Final = Pace(longest_gap=math.inf, every_point=False)
"""Points of the grid are left out where every answer is the same as before; all of the time counts as watched."""
