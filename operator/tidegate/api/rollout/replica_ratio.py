"""`kind: ReplicaRatio`: the weight as a ratio of pods behind one Service, for clusters without a router."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Annotated

from pydantic import Field

from tidegate.api.model import ApiModel

LEAST_BASELINE = 1
"""Pods that the baseline keeps at any weight: a revert has to land on something that serves."""
_HUNDRED = Decimal(100)


class ReplicaRatio(ApiModel):
    """How many pods share the traffic of one Service."""

    total: Annotated[int, Field(ge=2, le=10_000)]
    """Pods of both arms together while the candidate has traffic. A weight is rounded down to whole pods of the candidate, and the baseline keeps at least one."""

    def pods(self, percent: Decimal) -> int:
        """Pods of the candidate at a weight, 0-100: rounded down, so that its share is never above the weight."""
        share = int((self.total * percent / _HUNDRED).to_integral_value(ROUND_FLOOR))
        return min(share, self.total - LEAST_BASELINE)

    def in_words(self, percent: Decimal) -> str:
        """What a weight, 0-100, really is: `2 of 8 pods = 25%`, and what one pod more would be where it is another number."""
        pods, asked = self.pods(percent), f"{percent.normalize():f}%"
        real = f"{pods} of {self.total} pods = {self._share(pods)}"
        if self._exact(pods) == percent:
            return real
        if pods + LEAST_BASELINE >= self.total:
            return f"{real}, asked {asked}: the baseline keeps {LEAST_BASELINE}"
        return f"{real}, asked {asked}: {pods + 1} of {self.total} pods = {self._share(pods + 1)} would exceed it"

    def _exact(self, pods: int) -> Decimal:
        return _HUNDRED * pods / self.total

    def _share(self, pods: int) -> str:
        return f"{float(self._exact(pods)):.3g}%"
