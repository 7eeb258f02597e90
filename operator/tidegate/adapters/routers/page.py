"""The page `docs/routers.md`, made of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tidegate.adapters.routers import EVERY, STANDARD
from tidegate.adapters.routers.permissions import VERBS
from tidegate.adapters.routers.places import Form
from tidegate.adapters.routers.row import Facts, Router, Row
from tidegate.adapters.routers.shapes.annotation_json import ForwardActions
from tidegate.adapters.routers.shapes.fractional import Fractional
from tidegate.adapters.routers.shapes.one_number import CanaryAnnotations, OneField
from tidegate.adapters.routers.shapes.pointers import Pointers
from tidegate.adapters.routers.shapes.shape import Numbers, Shape
from tidegate.adapters.routers.shapes.weighted_lists import WeightedLists

_INTRODUCTION: Final = """\
# Routers

The kinds of route whose weights Tidegate sets.
Made from `operator/tidegate/adapters/routers` by `make generate`.

A Rollout names a route by `kind` and `name`; the operator's configuration says which kinds it serves:

```yaml
sources:
  default: {url: "http://prometheus.monitoring:9090"}
routers: [HTTPRoute, VirtualService]   # by default HTTPRoute, GRPCRoute, TCPRoute and TLSRoute
```

A kind that is not in `routers` is not watched, needs no permission, and is `RouterNotServed` on the Rollouts that name it.
Only the two numbers of the two arms are written, both in one request, tested on the object as it was read.
A third backend keeps its weight and the pair keeps its sum; the two are never both set to 0.

## Support

The version is the first of those listed that the API server serves."""

_AFTER: Final = """\

- **Weights**: what a weight is a share of, the largest number, and the sum that the router requires.
- **Absent**: what a missing weight means.
  Where it is unknown, no run starts until both are written.
- **Read-back**: how the router reports that it has applied the route.
  A report without a generation may be about the previous weights, and some routers report nothing.
  Then the step's time counts from **settle** after the write, and the Rollout waits with the reason `RouteSettling` until then.
- **Tested**: on the lab's real API server with these definitions; `the lab's gateway` means that the lab's own gateway applies it.
  `NAME: requests counted` means that a good release was promoted and a bad one reverted under load on that controller and its Envoy, with a count of the requests that each version answered, while the controller was killed and frozen (`make gateways`).
  istiod is a commit between two releases there, and its `GRPCRoute` carried plain HTTP requests.
  Where a definition is in no package registry, the tests have one of their own with the same fields and bounds, and take the project's from the folder `$TIDEGATE_CRDS` where that is set.

Knative, and any other kind, is supported through [`Custom`](routers/custom.md).
A `mirror` in the table is what a step with [`mirror`](rollout.md#shadow-steps) adds to a rule and removes again; other mirrors are not changed.

## Permissions

Every kind in `routers` needs `get`, `list`, `watch` and `patch`, unless noted:"""


def as_markdown() -> str:
    """The whole page."""
    lines = [_INTRODUCTION, "", *_table(_SUPPORT, map(_row, EVERY)), _AFTER, ""]
    lines += _table(("kind", "API group", "resource"), [cells for row in EVERY for cells in _permissions(row)])
    lines += ["", f"Enabled by default: {', '.join(STANDARD)}."]
    return "\n".join(lines) + "\n"


_SUPPORT: Final = (
    "kind", "object", "weights", "absent", "cohorts", "mirror", "same user, same arm", "read-back", "settle", "tested",
)  # fmt: skip


def _row(row: Row) -> tuple[str, ...]:
    facts = row.facts
    named = f"[`{row.kind}`](routers/{facts.family}.md)"
    if not isinstance(row, Router):
        return (
            named,
            row.objects,
            f"{facts.weights}; {row.numbers}",
            "0",
            *_words(facts, "no"),
            row.read_back,
            "0s",
            facts.tested,
        )
    versions = ", ".join(one.version for one in row.resource.versions)
    return (
        named,
        f"`{row.resource.group}` {versions} `{row.resource.kind}`",
        f"{facts.weights}; {_numbers(row.shape)}",
        _absent(row.shape),
        *_words(facts, _mirror(row)),
        row.read_back.words,
        f"{row.settle:g}s" if not row.read_back.exact else f"{row.settle:g}s without a report",
        facts.tested,
    )


def _words(facts: Facts, mirror: str) -> tuple[str, ...]:
    return facts.cohorts, mirror, facts.sticky


def _permissions(row: Row) -> Iterator[tuple[str, ...]]:
    for group, resource, verbs in row.grants:
        other = "" if verbs == VERBS else f" ({', '.join(f'`{verb}`' for verb in verbs)})"
        yield f"`{row.kind}`", f"`{group}`", f"`{resource}`{other}"


def _numbers(shape: Shape) -> str:
    match shape:
        case WeightedLists() | Fractional() | ForwardActions() | Pointers():
            return _of(shape.numbers)
        case OneField():
            return "0 to 100 for the candidate, the rest is the baseline's"
        case CanaryAnnotations():
            return "0 to `canary-weight-total` (100), the rest is the baseline's"
    raise TypeError(f"no text for {type(shape).__name__}")


def _of(numbers: Numbers) -> str:
    scale = 100 if numbers.form is Form.HUNDREDTHS else 1
    if numbers.total is not None:
        places = ", two decimals" if scale > 1 else ""
        return f"sum {numbers.total // scale}{places}"
    return f"0 to {numbers.most:,}, any sum"


def _absent(shape: Shape) -> str:
    match shape:
        case WeightedLists() | Fractional() | ForwardActions() | Pointers():
            absent = shape.numbers.absent
            return "unknown" if absent is None else str(absent)
        case OneField():
            return "unknown"
        case _:
            return "0"


def _mirror(row: Router) -> str:
    """What a mirror is in such an object; `no` where there is none."""
    rules = row.shape.rules if isinstance(row.shape, WeightedLists) else ()
    return ", ".join(one.mirrors.says for one in rules if one.mirrors is not None) or "no"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(cells)} |" for cells in rows)
