"""What happens to the Rollout of the state machine: answers, edits, calls that fail, and what others write."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.simulated.shop import value
from tidegate.core.model.answers import Answer, Failed, FailedReason, Vector
from tidegate.ports.errors import Conflict, PortError, Rejected, Unavailable
from tidegate.simulation.cluster.objects import SimulatedCronJob

ANSWERS: dict[str, Answer] = {
    "well": value(0.0),
    "worse": value(0.02),
    "sick": value(0.06),
    "infinite": value(math.inf),
    "not a number": value(math.nan),
    "empty": Vector(()),
    "down": Failed(FailedReason.REFUSED, "no answer"),
}
STEPS = [
    {"name": "canary", "weight": 10, "duration": "60s", "thresholds": [{"metric": "errors", "max": "1%"}]},
    {"name": "half", "weight": 50, "duration": "60s", "thresholds": [{"metric": "errors", "max": "1%"}]},
]
GUARDS = [{"metric": "errors", "max": "5%"}, {"metric": "latency", "max": "50%", "onBreach": "Warn"}]
WORSE = {"metric": "errors", "max": "1%", "onBreach": "StepBack"}
GATE = {"approvals": [{"name": "engineering"}, {"name": "finance"}]}
CHECKS = {"checks": [{"metric": "incidents", "max": 0}]}
HOOKS = [
    {"name": when.lower(), "when": when, "job": {"cronJob": "hook", "deadline": "2m"}, **failure}
    for when, failure in (
        ("StepStart", {"onFailure": "Ignore"}),
        ("StepEnd", {"onFailure": "Hold"}),
        ("RunStart", {"onFailure": "Revert"}),
        ("Revert", {}),
        ("Success", {}),
        ("End", {}),
    )
]
CRON_JOBS = {
    "well": SimulatedCronJob(lasts=5),
    "slow": SimulatedCronJob(lasts=300),
    "failing": SimulatedCronJob(lasts=2, fails=3, retries=1),
    "refused": SimulatedCronJob(refused="jobs.batch is forbidden"),
    "missing": SimulatedCronJob(missing=True),
}
CANARY = {"deployment": "checkout-canary", "service": "checkout-canary"}
EDITS: dict[str, dict[str, object]] = {
    "as it was": {},
    "paused": {"paused": True},
    "lower": {"steps": [{**STEPS[0], "weight": 5}, STEPS[1]]},
    "higher": {"steps": [{**STEPS[0], "weight": 20}, {**STEPS[1], "weight": 60}]},
    "first step gone": {"steps": STEPS[1:]},
    "last step gone": {"steps": STEPS[:1]},
    "finer": {"steps": [{**STEPS[0], "weight": "2.5"}, STEPS[1]]},
    "another revision": {"revision": "r2"},
    "nonsense": {"steps": "nonsense"},
    "asking two people": {"steps": [STEPS[0], {**STEPS[1], "gate": GATE}]},
    "asking two people, edited": {"steps": [STEPS[0], {**STEPS[1], "weight": 60, "gate": GATE}]},
    "checking": {"steps": [{**STEPS[0], "gate": CHECKS}, {**STEPS[1], "gate": CHECKS}]},
    "stepping back to a step": {"guards": [*GUARDS, {**WORSE, "stepBack": {"step": "canary", "gates": "Ask"}}]},
    "stepping back to a weight": {"guards": [*GUARDS, {**WORSE, "stepBack": {"weight": 5}}]},
    "with hooks": {"hooks": HOOKS},
    "with a job before half": {"steps": [STEPS[0], {**STEPS[1], "gate": {"jobs": [{"cronJob": "smoke"}]}}]},
    "a job tidies": {
        "guards": [
            {"metric": "errors", "max": "1%", "onBreach": "RunJob", "job": {"cronJob": "tidy", "cooldown": "20s"}},
            {"metric": "errors", "max": "5%"},
        ]
    },
    "scaled with its weight": {
        "candidate": {**CANARY, "scaling": {"mode": "MatchWeight", "min": 2, "max": 6, "afterEnd": {"delay": "20s"}}}
    },
    "at rest after the end": {"candidate": {**CANARY, "scaling": {"afterEnd": {"delay": "5s"}}}},
    "scaled to zero at its end": {"traffic": [{"kind": "HTTPRoute", "name": "checkout", "revert": "ScaleToZero"}]},
    "scaled at a breach": {
        "guards": [
            {"metric": "errors", "max": "1%", "onBreach": "Scale", "scale": {"by": "50%", "max": 5, "cooldown": "20s"}},
            {"metric": "errors", "max": "5%"},
        ]
    },
    "frozen": {"freezes": [{"from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z", "reason": "books"}]},
}
CALLS = (
    "store.write_status",
    "store.set_finalizer",
    "store.read",
    "router.write",
    "router.read",
    "workloads.arm",
    "workloads.template",
    "workloads.revision",
    "workloads.write_template",
    "workloads.scale",
    "workloads.autoscaler",
    "metrics.sample",
    "commands.conclude",
    "announcer.announce",
    "notifier.send",
    "reports.keep",
    "jobs.start",
    "jobs.read",
)
REFUSED = ("router.write", "workloads.write_template", "store.set_finalizer", "store.write_status")
"""Writes without which nothing goes on: a refusal that lasts is told."""
BYSTANDERS = (
    "announcer.announce",
    "notifier.send",
    "reports.keep",
    "jobs.start",
    "jobs.read",
    "workloads.scale",
    "workloads.autoscaler",
    "commands.conclude",
    "store.write_status",
    "store.read",
    "workloads.arm",
    "metrics.sample latency",
)
"""Calls that may fail or hang for as long as they like: a breach is answered all the same."""
ERRORS: dict[str, type[PortError]] = {"Conflict": Conflict, "Unavailable": Unavailable, "Rejected": Rejected}


BROKEN: dict[str, dict[str, Any]] = {
    "a run that is text": {"run": "yes"},
    "a spec that is not valid JSON": {"run": {"id": "1", "spec": "{ nothing"}},
    "targets that are a number": {"run": {"id": "1"}, "targets": 7},
}
SKEWS: dict[str, Callable[[dict[str, Any]], object]] = {
    "words": lambda status: status.update(message="hello", phase="Fine"),
    "unknown fields": lambda status: (
        status["run"].update(quarantine={"since": "never"}),
        status.get("step", {}).update(lanes={"beta": 100}),
        status.update(quota=[{"name": "x"}]),
    ),
}
