"""CustomResourceDefinitions from files, installed and waited for until the API server serves them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import yaml

from lab.api import Api, ApiError
from lab.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.api import Object


async def install(api: Api, files: Iterable[Path], seconds: float = 90) -> None:
    """Applies CRD files (several documents are fine; other kinds are passed over), waits until all are served."""
    documents = [item for file in files for item in yaml.safe_load_all(file.read_text()) if item]
    crds = [item for item in documents if item["kind"] == "CustomResourceDefinition"]
    await asyncio.gather(*(api.apply(_without_status(crd)) for crd in crds))

    async def served() -> bool:
        return all([await _is_established(api, crd) for crd in crds])

    await until(served, seconds, f"CRDs {', '.join(crd['metadata']['name'] for crd in crds)} established")


async def _is_established(api: Api, crd: Object) -> bool:
    found = await api.get(crd["apiVersion"], crd["kind"], crd["metadata"]["name"])
    conditions = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions") or []}
    if conditions.get("Established") != "True":
        return False
    kind, group = found["spec"]["names"]["kind"], found["spec"]["group"]
    versions = [v["name"] for v in found["spec"]["versions"] if v["served"]]
    try:
        for version in versions:
            await api.list(f"{group}/{version}", kind)
    except ApiError:  # established, but its discovery has not been published yet
        return False
    return True


def _without_status(item: Object) -> Object:
    return {part: value for part, value in item.items() if part != "status"}
