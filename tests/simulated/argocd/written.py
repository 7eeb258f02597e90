"""Writes what Argo CD's own tests read, and the ConfigMap with the scripts: `python -m tests.simulated.argocd.written`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.simulated.argocd import states
from tests.simulated.argocd.sandbox import COMMAND, ROLLOUT, SCRIPTS, actions, created, health
from tests.simulated.argocd.stories import Object, as_object, collected
from tests.simulated.shop import Shop

CONFIG_MAP: Final = Path(__file__).parents[3] / "deploy/argocd/argocd-cm.yaml"
ACTIONS: Final = ("abort", "pause", "resume", "retry")
STATES: Final = (states.idle, states.progressing, states.paused, states.reverted)
READ: Final = ("observedGeneration", "phase", "message", "conditions", "rejected")
"""What of a status the scripts read, or a person who looks at the data."""
HEADER: Final = """\
# Health and actions of Tidegate's kinds, for Argo CD.
# kubectl apply --server-side -n argocd -f argocd-cm.yaml
# Made of resource_customizations/ by `make generate`.
"""


def files() -> dict[Path, str]:
    """Every file with its text."""
    return dict((*_health_tests(), *_action_tests(), (CONFIG_MAP, HEADER + as_yaml(config_map()))))


def config_map() -> Object:
    """The scripts under the keys that Argo CD reads them from."""
    definitions = [
        {"name": name, "action.lua": (ROLLOUT / f"actions/{name}/action.lua").read_text()} for name in ACTIONS
    ]
    offered = {"discovery.lua": (ROLLOUT / "actions/discovery.lua").read_text(), "definitions": definitions}
    data = {
        "resource.customizations.health.tidegate.dev_Rollout": (ROLLOUT / "health.lua").read_text(),
        "resource.customizations.health.tidegate.dev_RolloutCommand": (COMMAND / "health.lua").read_text(),
        "resource.customizations.actions.tidegate.dev_Rollout": as_yaml(offered),
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}


def as_yaml(value: object) -> str:
    """YAML in which a text of several lines is a block."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _health_tests() -> Iterator[tuple[Path, str]]:
    tests = []
    for (phase, _, reason, stalled, old), obj in collected().items():
        status, message = health(obj)
        parts = (status, phase or "new", reason, stalled, old)
        name = "_".join(part.lower() for part in parts if part and part != "None")
        yield ROLLOUT / f"testdata/{name}.yaml", as_yaml(_trimmed(obj))
        tests.append({"healthStatus": {"status": status, "message": message}, "inputPath": f"testdata/{name}.yaml"})
    yield ROLLOUT / "health_test.yaml", as_yaml({"tests": tests})


def _action_tests() -> Iterator[tuple[Path, str]]:
    folder = ROLLOUT / "actions"
    discovery, runs = [], []
    for state in STATES:
        obj = _in(state)
        name = f"testdata/{state.__name__}.yaml"
        yield folder / name, as_yaml(_trimmed(obj))
        found = actions(obj)
        discovery.append({"inputPath": name, "result": [{"name": one, **found[one]} for one in ACTIONS]})
        for action in (one for one in ACTIONS if not found[one]["disabled"]):
            expected = f"testdata/{state.__name__}_{action}.yaml"
            yield folder / expected, as_yaml(created(action, obj))
            runs.append({"action": action, "inputPath": name, "expectedOutputPath": expected})
    yield folder / "action_test.yaml", as_yaml({"discoveryTests": discovery, "actionTests": runs})


def _in(state: states.State) -> Object:
    shop = Shop()
    asyncio.run(_reach(state, shop))
    return as_object(shop)


async def _reach(state: states.State, shop: Shop) -> None:
    await state(shop)


def _trimmed(obj: Mapping[str, Any]) -> Object:
    status = obj["status"]
    kept = {key: status[key] for key in READ if key in status}
    if run := status.get("run"):
        kept["run"] = {key: run[key] for key in ("id", "paused", "ending") if key in run}
    return {**obj, "status": kept}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for stale in {*SCRIPTS.rglob("testdata/*.yaml")} - {*files()}:
        stale.unlink()
