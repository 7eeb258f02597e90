"""All presets there are, by name."""

from __future__ import annotations

import difflib
from typing import Final

from tidegate.api.presets import contour, envoy_gateway, http, istio, istio_gateway, linkerd, traefik
from tidegate.api.presets.absent import ABSENT
from tidegate.api.presets.preset import Preset

SYSTEMS: Final = (
    http.SYSTEM,
    istio.SYSTEM,
    istio_gateway.SYSTEM,
    linkerd.SYSTEM,
    envoy_gateway.SYSTEM,
    contour.SYSTEM,
    traefik.SYSTEM,
)
"""In the order people read them."""

PRESETS: Final = {preset.name: preset for system in SYSTEMS for preset in system.presets}


def unknown(name: str) -> str:
    """Why there is no preset of that name, and which there are."""
    system = name.partition("/")[0]
    for absent in ABSENT:
        if system in absent.names:
            return f"there is no preset for {absent.title}: {absent.why}. Instead, {absent.instead}"
    close = " or ".join(_closest(name))
    return f"there is no preset '{name}': {f'did you mean {close}? ' if close else ''}There are {', '.join(PRESETS)}"


def preset(name: str) -> Preset | None:
    """The preset of that name, if there is one."""
    return PRESETS.get(name)


def _closest(name: str) -> list[str]:
    """The names that are most like it, all of them when several are alike."""
    near = difflib.get_close_matches(name, PRESETS, n=2)
    likeness = [difflib.SequenceMatcher(None, one, name).ratio() for one in near]
    return [one for one, alike in zip(near, likeness, strict=True) if alike == likeness[0]]
