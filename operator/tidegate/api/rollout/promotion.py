"""How the candidate's version becomes the baseline."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.scalars import Duration

_ITEM = r"\[[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?\]"

_KEY = r"[a-z][a-zA-Z]*"

FIELD_PATH_PATTERN = (
    rf"^(annotations\.[a-zA-Z0-9]([-a-zA-Z0-9_./]*[a-zA-Z0-9])?|volumes{_ITEM}"
    rf"|(containers|initContainers){_ITEM}(\.{_KEY}|\.env\[[^\[\]]+\])?|{_KEY})$"
)

FieldPath = Annotated[str, Field(min_length=1, max_length=256, pattern=FIELD_PATH_PATTERN)]
"""A field of a pod template, as core/model/template_fields.py names it."""


class PromotionStrategy(StrEnum):
    """How the candidate's version becomes the baseline."""

    COPY_TEMPLATE = "CopyTemplate"
    AWAIT_BASELINE = "AwaitBaseline"


class BaselineMatch(StrEnum):
    """What of the candidate the baseline must run, for `AwaitBaseline`."""

    VERSION = "Version"
    IMAGES = "Images"


class Promotion(ApiModel):
    """What happens once every step has passed."""

    strategy: PromotionStrategy
    """`CopyTemplate`: the operator copies the candidate's version to the baseline's Deployment: its pod template without labels and scheduling. `AwaitBaseline`: another client (Git, a pipeline) updates the baseline, and the operator waits for it."""
    match: BaselineMatch = BaselineMatch.VERSION
    """For `AwaitBaseline`: wait until the baseline runs the candidate's `Version`, or for teams whose arms differ on purpose only its `Images`."""
    exclude: Annotated[tuple[FieldPath, ...], Field(max_length=16, json_schema_extra=unique())] = ()
    """Fields of the pod template that belong to an arm: they are not part of the version and are not promoted. For example `serviceAccountName`, `annotations.checksum/config`, `containers[app].resources`, `containers[app].env[TRACK]`, `volumes[cache]`. A change takes effect with the next version."""
    settle: Duration = Duration("2m")
    """How long the promoted baseline is evaluated with all the traffic before the run succeeds."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.strategy == 'AwaitBaseline' || self.match == 'Version'",
            "'match: Images' is only allowed with 'strategy: AwaitBaseline'",
            ".match",
            lambda self: self.strategy is PromotionStrategy.AWAIT_BASELINE or self.match is BaselineMatch.VERSION,
        ),
    )
