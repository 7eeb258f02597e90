"""Whether the API server is there, and serves Tidegate's kinds as this version knows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import (
    CLUSTER_METRIC_TEMPLATES,
    COMMANDS,
    METRIC_TEMPLATES,
    ROLLOUTS,
    Resource,
)
from tidegate.api.crd import export
from tidegate.cli.cluster import INSTALL
from tidegate.cli.doctor.result import Level, Result
from tidegate.ports.errors import Missing, PortError, Rejected

CHECK: Final = "CRDs"
KINDS: Final = (ROLLOUTS, COMMANDS, METRIC_TEMPLATES, CLUSTER_METRIC_TEMPLATES)
DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
MOST_NAMED: Final = 5
"""Fields that are named, of all that differ."""


async def api_server(api: Api) -> Result:
    """Whether it answers us at all."""
    try:
        await api.ping()
    except PortError as error:
        advice = "check --kubeconfig and --context, and that the API server can be reached from here"
        return Result("API server", Level.FAILED, str(error), advice)
    return Result("API server", Level.OK, f"{api.configuration.host} answers")


async def definitions(api: Api) -> AsyncIterator[Result]:
    """The four kinds: served, and of this version."""
    ours = {str(crd["metadata"]["name"]): crd for crd in _exported()}
    for kind in KINDS:
        name = f"{kind.plural}.{kind.group}"
        if await api.serves(kind):
            yield await _compared(api, name, ours[name])
        else:
            yield Result(CHECK, Level.FAILED, f"{name} ({kind.version}) is not served", INSTALL)


async def _compared(api: Api, name: str, ours: Mapping[str, Any]) -> Result:
    try:
        stored = await api.get(DEFINITIONS, None, name)
    except Rejected:
        return Result(
            CHECK, Level.OK, f"{name} is served; you may not read its definition, so its version is not known"
        )
    except Missing:
        return Result(CHECK, Level.OK, f"{name} is served")
    missing = sorted(_fields(ours) - _fields(stored))
    if missing:
        named = ", ".join(missing[:MOST_NAMED]) + (", ..." if len(missing) > MOST_NAMED else "")
        message = f"{name} lacks fields that this version has: {named}"
        return Result(CHECK, Level.WARNING, message, f"its definition is older than this tidegate; {INSTALL}")
    newer = _fields(stored) - _fields(ours)
    if newer:
        message = f"{name} has {len(newer)} fields that this version does not know"
        return Result(CHECK, Level.WARNING, message, "use the tidegate of the installed version, or a newer one")
    return Result(CHECK, Level.OK, f"{name} is served, with the fields of this version")


def _exported() -> list[Any]:
    return list(export.crds().values())


def _fields(crd: Mapping[str, Any]) -> set[str]:
    """The paths of all fields of the version that this program speaks."""
    versions = crd["spec"]["versions"]
    schema: Mapping[str, Any] = next(
        (one["schema"]["openAPIV3Schema"] for one in versions if one["name"] == ROLLOUTS.version), {}
    )
    return set(_paths(schema, ""))


def _paths(schema: Mapping[str, Any], where: str) -> Iterator[str]:
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{where}.{name}".lstrip(".")
        yield from _paths(inner, f"{where}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield from _paths(schema[key], f"{where}[]")
