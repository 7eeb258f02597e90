"""Argo CD's Lua as it is in production, and what Argo CD makes of a script's answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import lupa.lua51

SCRIPTS: Final = Path(__file__).parents[3] / "resource_customizations/tidegate.dev"
ROLLOUT: Final = SCRIPTS / "Rollout"
COMMAND: Final = SCRIPTS / "RolloutCommand"
SANDBOX: Final = """
debug.setmetatable('', nil)  -- ("x"):upper() reaches the string library without naming it
local time, date = os.time, os.date
os = {time = time, date = date}
string = nil math = nil io = nil debug = nil coroutine = nil python = nil
"""
"""Argo CD's Lua has `package`, the basic functions, `table`, and a safe `os` (util/lua/lua.go)."""

Object = dict[str, Any]


def runtime() -> Any:  # noqa: ANN401  (Lua's)
    """A Lua with what Argo CD opens and no more."""
    lua = lupa.lua51.LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute(SANDBOX)
    return lua


def answer(script: Path, obj: Mapping[str, Any]) -> Any:  # noqa: ANN401  (JSON)
    """What a script returns for an object, as JSON: an empty table is an empty list, as in Argo CD."""
    lua = runtime()
    lua.globals().obj = _table(lua, obj)
    return _json(lua.execute(script.read_text()))


def health(obj: Mapping[str, Any], script: Path = ROLLOUT / "health.lua") -> tuple[str, str]:
    """Status and message."""
    found = answer(script, obj)
    return found["status"], found["message"]


def actions(obj: Mapping[str, Any]) -> dict[str, Object]:
    """The actions that are offered for a Rollout, by name."""
    return dict(answer(ROLLOUT / "actions/discovery.lua", obj))


def created(action: str, obj: Mapping[str, Any]) -> Object:
    """The one object that an action creates."""
    found = answer(ROLLOUT / f"actions/{action}/action.lua", obj)
    assert isinstance(found, list), "a list is what lets an action create"
    (impacted,) = found
    assert impacted["operation"] == "create"
    return dict(impacted["resource"])


def _table(lua: Any, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return lua.table_from({key: _table(lua, one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return lua.table_from([_table(lua, one) for one in value])
    return value


def _json(value: Any) -> Any:  # noqa: ANN401
    if lupa.lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys == list(range(1, len(keys) + 1)):
        return [_json(value[key]) for key in keys]
    assert all(isinstance(key, str) for key in keys), "Argo CD refuses a table with keys of two kinds"
    return {key: _json(value[key]) for key in keys}
