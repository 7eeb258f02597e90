"""A toy member of each extension point, added by the files that CONTRIBUTING names and no others, works end to end."""

from __future__ import annotations

import pytest

from tests.unit.extension.grown import ROLLOUT, Grown, raised, rollout, timeline


def test_a_gate(grown: Grown) -> None:
    grown.add(
        [
            (
                "api/rollout/gates.py",
                "    since_step: SinceStep | None = None\n",
                "    since_run: Duration | None = None\n",
            ),
            (
                "core/gates/__init__.py",
                "import AfterInstant, AfterStep, NotFrozen\n",
                "from tidegate.core.gates.toy import AfterRun\n",
            ),
            (
                "core/gates/__init__.py",
                "(AfterInstant(), AfterStep(), InWindow(), NotFrozen(), Approved()",
                ", AfterRun()",
            ),
        ],
        "core/gates/toy.py",
        """
        from tidegate.core.gates.kind import Closed


        class AfterRun:
            field = "since_run"
            calendar = False

            def evaluate(self, part, context):
                opens = min(context.begun.values(), default=float("inf")) + part.seconds
                return Closed("waits for the toy", opens) if opens > context.now else None

            def describe(self, part):
                return f"{part} after the run began"
        """,
    )
    canary, half = ROLLOUT["spec"]["steps"]
    file = grown.write("rollout.yaml", rollout(steps=[canary, {**half, "gate": {"sinceRun": "2h"}}]))
    assert "2h after the run began" in grown.tidegate("plan", file)
    assert raised(grown, file, "50%") == pytest.approx(7200, abs=60)


def test_a_gate_that_a_command_opens(grown: Grown) -> None:
    grown.add(
        [
            (
                "api/rollout/gates.py",
                "    since_step: SinceStep | None = None\n",
                "    acknowledged: bool | None = None\n",
            ),
            (
                "core/gates/__init__.py",
                "import AfterInstant, AfterStep, NotFrozen\n",
                "from tidegate.core.gates.toy import Acknowledged\n",
            ),
            (
                "core/gates/__init__.py",
                "(AfterInstant(), AfterStep(), InWindow(), NotFrozen(), Approved()",
                ", Acknowledged()",
            ),
            ("api/commands.py", '    PROMOTE = "Promote"\n', '    ACKNOWLEDGE = "Acknowledge"\n'),
            (
                "core/run/commands.py",
                "            return skipping.refusal(draft, command)\n",
                (
                    "        case Action.ACKNOWLEDGE if approvals.awaited_step(draft) is None:\n"
                    '            return "no step is awaited"\n'
                ),
            ),
            (
                "core/run/commands.py",
                "            return skipping.advance(draft, command, words)\n",
                (
                    "        case Action.ACKNOWLEDGE:\n"
                    "            step = approvals.awaited_step(draft)\n"
                    '            return approvals.give(draft, replace(command, step=step.name, approval="acknowledgement"))\n'
                ),
            ),
            (
                "core/run/commands.py",
                "from __future__ import annotations\n",
                "from dataclasses import replace\n",
            ),
        ],
        "core/gates/toy.py",
        """
        from tidegate.core.gates.approvals import counting
        from tidegate.core.gates.kind import Closed


        class Acknowledged:
            field = "acknowledged"
            calendar = True

            def evaluate(self, part, context):
                given = (one.name == "acknowledgement" for one in counting(context.approvals, context.step))
                return None if any(given) else Closed("waits for the toy", people="users with the verb acknowledge")

            def describe(self, part):
                return "a toy command"
        """,
    )
    canary, half = ROLLOUT["spec"]["steps"]
    file = grown.write("rollout.yaml", rollout(steps=[canary, {**half, "gate": {"acknowledged": True}}]))
    assert "a toy command" in grown.tidegate("plan", file)
    assert "Acknowledge" in grown.tidegate("crd")
    command = {"action": "Acknowledge", "requester": "ann"}
    events = [{"at": "10m", "command": command}, {"at": "2h", "command": command}]
    metrics = {"errors": {"candidate": [{"value": "1%"}]}}
    world = grown.write("world.yaml", {"events": events, "metrics": metrics})
    said = timeline(grown, file, "--world", world)
    assert next(line["after"] for line in said if line["weight"] == "50%") == pytest.approx(7200, abs=60)
    without = grown.write("without.yaml", {"lasts": "5h", "metrics": metrics})
    assert "the gate of step 'half' waits for the toy" in grown.tidegate("simulate", file, "--world", without)


def test_a_response(grown: Grown) -> None:
    grown.add(
        [
            ("api/rollout/responses.py", '    STEP_BACK = "StepBack"\n', '    CHEER = "Cheer"\n'),
            ("core/responses/__init__.py", "import Warn\n", "from tidegate.core.responses.toy import Cheer\n"),
            ("core/responses/__init__.py", "    Response.WARN: Warn(),\n", "    Response.CHEER: Cheer(),\n"),
        ],
        "core/responses/toy.py",
        """
        class Cheer:
            def apply(self, draft, breach):
                if breach.new:
                    draft.say("LimitBreached", "hooray: " + breach.message)

            def describe(self, line):
                return "cheer"
        """,
    )
    file = grown.write("rollout.yaml", rollout(guards=[{"metric": "errors", "max": "5%", "onBreach": "Cheer"}]))
    world = grown.write(
        "world.yaml",
        {"metrics": {"errors": {"candidate": [{"value": "1%"}, {"at": "10m", "value": "9%", "for": "5m"}]}}},
    )
    assert "→ cheer" in grown.tidegate("plan", file)
    said = [line["why"] for line in timeline(grown, file, "--world", world)]
    assert sum(words.startswith("hooray: ") for words in said) == 1


def test_a_router(grown: Grown) -> None:
    grown.add(
        [
            ("api/rollout/traffic.py", '    TLS_ROUTE = "TLSRoute"\n', '    TOY_ROUTE = "ToyRoute"\n'),
            ("adapters/routers/rows/gateway_api.py", "ROWS: Final = (", '_route("ToyRoute", _REQUESTS), '),
        ]
    )
    file = grown.write("rollout.yaml", rollout(traffic=[{"kind": "ToyRoute", "name": "shop"}]))
    assert "ToyRoute/shop" in grown.tidegate("plan", file)
    assert raised(grown, file, "50%") == pytest.approx(1800, abs=60)
    made = grown.python(
        """
        from tidegate.adapters.routers import BY_KIND, RouteCaches, enabled, routers
        from tidegate.handlers import Caches, Intake, takes_of

        caches = Caches(routes=RouteCaches(enabled(["ToyRoute"])))
        takes = takes_of(Intake(caches, None))
        resource = BY_KIND["ToyRoute"].resource
        print(resource in takes, "ToyRoute" in caches.routes, "ToyRoute" in routers(None, caches.routes).kinds)
        """
    )
    assert made == "True True True\n"


def test_a_metric_kind(grown: Grown) -> None:
    grown.add(
        [
            ("api/rollout/metric_kinds/__init__.py", '    RATIO = "ratio"\n', '    TOY = "toy"\n'),
            ("api/rollout/metric_kinds/__init__.py", "    MetricKind.RATIO: Ratio,\n", "    MetricKind.TOY: Toy,\n"),
            (
                "api/rollout/metric_kinds/__init__.py",
                "    ratio: Ratio | None = None\n",
                "    toy: Toy | None = None\n",
            ),
            (
                "api/rollout/metric_kinds/__init__.py",
                "import Ratio\n",
                "from tidegate.api.rollout.metric_kinds.toy import Toy\n",
            ),
            ("core/metrics/__init__.py", "import CounterRatio\n", "from tidegate.core.metrics.toy import Sums\n"),
            ("core/metrics/__init__.py", "    MetricKind.RATIO: CounterRatio(),\n", "    MetricKind.TOY: Sums(),\n"),
        ],
        "core/metrics/toy.py",
        """
        from tidegate.core.metrics.asking import increases
        from tidegate.core.metrics.query import PlainQuery


        class Sums(PlainQuery):
            def texts(self, metric, arm, asking, window=None):
                found = increases(metric, arm, asking, self.counters(metric), window)
                return {"value": found["total"]}

            def counters(self, metric):
                return {"total": metric.toy.sum}
        """,
    )
    grown.add(
        [],
        "api/rollout/metric_kinds/toy.py",
        """
        from typing import Annotated, ClassVar

        from pydantic import Field

        from tidegate.api.model import ApiModel
        from tidegate.api.rollout.metric_kinds.kind import LabelName, PromQL
        from tidegate.api.values.scalars import Unit


        class Toy(ApiModel):
            sum: PromQL
            by: Annotated[tuple[LabelName, ...], Field(max_length=8)] = ()
            unit: ClassVar[Unit | None] = None
            share: ClassVar[bool] = False

            @property
            def texts(self):
                return {"sum": self.sum}

            def faults(self):
                return iter(())

            def rewritten(self, change):
                return self.model_copy(update={"sum": change(self.sum)})
        """,
    )
    metric = {"name": "load", "toy": {"sum": 'load{pod=~"$pods"}', "by": ["zone"]}, "unit": "none", "window": "2m"}
    file = grown.write("rollout.yaml", rollout(metrics=[metric], guards=[{"metric": "load", "max": "5"}]))
    values = [{"series": {"zone=a": 1, "zone=b": 1}}, {"at": "10m", "series": {"zone=a": 1, "zone=b": 9}}]
    world = grown.write("world.yaml", {"metrics": {"load": {"candidate": values}}})
    assert "toy:" in grown.tidegate("crd")
    assert "load above 5" in grown.tidegate("plan", file)
    said = [line["why"] for line in timeline(grown, file, "--world", world)]
    assert any('load of the candidate{zone="b"} is 9, above max 5' in words for words in said)


def test_a_notifier(grown: Grown) -> None:
    grown.add(
        [
            ("api/rollout/notifications.py", '    CLOUD_EVENTS = "CloudEvents"\n', '    PIGEON = "Pigeon"\n'),
            (
                "adapters/notifiers/__init__.py",
                '    "CloudEvents": "tidegate.adapters.notifiers.cloud_events:CloudEventsSink",\n',
                '    "Pigeon": "tidegate.adapters.notifiers.toy:Pigeon",\n',
            ),
        ],
        "adapters/notifiers/toy.py",
        """
        class Pigeon:
            def __init__(self, allowed):
                self.allowed = allowed

            async def send(self, target, message):
                print("flies to", target.url, "with", message.title, self.allowed.schemes)

            async def close(self):
                print("lands")
        """,
    )
    receiver = {"kind": "Pigeon", "secret": {"name": "loft"}, "events": ["Succeeded"]}
    file = grown.write("rollout.yaml", rollout(notifications=[receiver]))
    assert "to loft/url: default/shop: run succeeded" in grown.tidegate("simulate", file, "--notifications")
    said = grown.python(
        """
        import asyncio
        from tidegate.adapters.notifiers.allowed import Allowed
        from tidegate.adapters.notifiers.by_kind import NotifiersByKind
        from tidegate.api.rollout.notifications import Notification
        from tidegate.core.model.message import Message, Tone

        class Secrets:
            async def read(self, namespace, name):
                return {"url": f"{namespace}.{name}"}

        async def main():
            notifiers = NotifiersByKind(Secrets(), Allowed(("coo",)))
            receiver = Notification.model_validate({"kind": "Pigeon", "secret": {"name": "loft"}})
            await notifiers.send("shop", receiver, Message("hi", "", "", Tone.INFO, "", "", "", "", False, 0.0, {}))
            await notifiers.close()

        asyncio.run(main())
        """
    )
    assert said == "flies to shop.loft with hi ('coo',)\nlands\n"
