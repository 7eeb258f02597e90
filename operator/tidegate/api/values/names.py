"""Names and instants of the API, and how they are written."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from tidegate.api.values.scalars import SUBDOMAIN

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]
"""A Deployment or route: what Kubernetes calls a DNS subdomain."""

ServiceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A Service: a DNS label."""

LONGEST_ROLLOUT_NAME = 63

RolloutName = Annotated[str, Field(min_length=1, max_length=LONGEST_ROLLOUT_NAME, pattern=SUBDOMAIN)]
"""A Rollout: short enough to be the value of a label, and the begin of other names."""


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?")


def _instant(value: object) -> object:
    """RFC 3339 and nothing else: pydantic would take epoch seconds and shorter forms, which the API server refuses."""
    if not isinstance(value, str):
        return value
    wrong = f"{value!r} is not a valid timestamp; write it like 2026-11-21T14:00:00Z"
    if not _RFC_3339.fullmatch(value):
        raise ValueError(wrong)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise ValueError(wrong) from error


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]

ApprovalName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""An approval: the end of the verb `approve-NAME` that RBAC grants."""

CronJobName = Annotated[
    str,
    Field(min_length=1, max_length=52, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"),
]
"""A CronJob: a DNS subdomain, short enough for the names of its Jobs."""

HookName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A hook of a Rollout."""

CohortName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A cohort: also the value of `$cohort` in PromQL, so it needs no escaping there."""

StepName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
