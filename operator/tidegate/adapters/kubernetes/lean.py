"""Objects as JSON gives them, taking less memory: equal parts are one object, and so are equal keys.

`json.loads` makes every key of every document anew. A thousand Rollouts have the same keys, and often the same metrics,
guards and steps. What is given back must not be changed by anybody.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from sys import intern
from typing import Any, Final

POOLED: Final = 2048
"""Parts kept for being shared; a few kilobytes each, and most of them are those of the Rollouts themselves."""


class Parts:
    """Parts of specs that were seen already."""

    def __init__(self, most: int = POOLED) -> None:
        self._most = most
        self._known: OrderedDict[str, Any] = OrderedDict()

    def shared(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The same spec, its parts those of others where these are equal."""
        return {intern(key): self._part(value) for key, value in spec.items()}

    def _part(self, value: Any) -> Any:  # noqa: ANN401  (JSON)
        if not isinstance(value, (dict, list)):
            return value
        text = json.dumps(value)
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = lean(value)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(text)
        return found


def lean(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """The same content with shared keys."""
    if isinstance(value, dict):
        return {intern(key): lean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lean(item) for item in value]
    return value
