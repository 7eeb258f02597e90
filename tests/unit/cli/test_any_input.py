"""Whatever stands in a file: lint, plan and simulate say what is wrong, and never fall over it."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.api.manifests import good
from tidegate.cli.main import main
from tidegate.simulation.script import World

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "0s", "999999d", "1h", "-1%", "5%", "100%", "0", "1e9", "$pods", "x > 1", "9999-12-31T23:59:59Z", "errors"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """The ways to everything in a manifest."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, one in inner for place in places(one, (*way, key)))]


PLACES = [place for place in places(good()) if place]
WORLD: dict[str, Any] = {
    "start": "2026-01-05T09:00:00Z",
    "lasts": "2d",
    "metrics": {"errors": {"traffic": 5000, "candidate": [{"value": "1%"}, {"at": "1h", "value": "9%", "for": "5m"}]}},
    "outages": [{"at": "2h", "for": "5m"}],
    "events": [{"at": "1h", "restart": "10m"}, {"at": "2h", "command": {"action": "Pause"}}],
    "expect": {"outcome": "Reverted", "notAfter": "1d", "weights": [0, 5, 0]},
}
WORLD_PLACES = [place for place in places(WORLD) if place]


def changed(whole: Any, place: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    found = copy.deepcopy(whole)
    inner = found
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return found


def answered(*arguments: str) -> None:
    assert main(list(arguments)) in {0, 1, 2}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), VALUES)
def test_a_rollout_with_anything_anywhere_is_answered(place: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "web.yaml"
        file.write_text(yaml.safe_dump(changed(good(), place, value)), encoding="utf-8")
        answered("lint", str(file))
        answered("plan", str(file), "--start", "2026-01-01T00:00:00Z")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(WORLD_PLACES), VALUES)
def test_a_world_with_anything_anywhere_is_answered(place: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
    with tempfile.TemporaryDirectory() as folder:
        rollout, world = Path(folder) / "web.yaml", Path(folder) / "world.yaml"
        rollout.write_text(yaml.safe_dump(good()), encoding="utf-8")
        world.write_text(yaml.safe_dump(changed(WORLD, place, value)), encoding="utf-8")
        answered("simulate", str(rollout), "--world", str(world))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_answered(text: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "web.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        answered("lint", str(file))


def test_the_world_to_begin_with_is_one() -> None:
    assert World.model_validate(WORLD).expect is not None
