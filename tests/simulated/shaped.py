"""A cluster whose routes are objects of a real router: read and written by the operator's own adapter, kept as in any other."""

from __future__ import annotations

import copy
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from tests.contract.router_samples import SAMPLES
from tests.contract.router_samples.sample import Object, Sample
from tests.simulated.shop import REF
from tests.simulated.witness import WitnessedCluster
from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers import BY_KIND
from tidegate.adapters.routers.router import ObjectRouter
from tidegate.adapters.routers.row import Router
from tidegate.adapters.routers.rows.custom import CustomKind, custom
from tidegate.adapters.routers.shapes.shape import MirroringShape
from tidegate.adapters.routers.views import route_of
from tidegate.core.model.world import Lookup, Route, TargetRef
from tidegate.ports.errors import Conflict, Missing
from tidegate.ports.protocols import NONE, Manager
from tidegate.simulation.cluster.objects import SimulatedRoute

CUSTOM = custom(CustomKind("tidegate.test", ("v1",), "Split", "splits", ("spec.traffic[*].percent",)))
SHAPES = {
    str(sample): sample
    for sample in SAMPLES
    if str(sample)
    in {
        "VirtualService http subsets",
        "VirtualServer splits",
        "OpenShiftRoute",
        "ALBIngress as Argo Rollouts writes",
        "NginxIngress nginx.ingress.kubernetes.io of 100",
        "ServiceSplitter",
        "Mapping",
        "FeatureFlag nested",
        "Split.tidegate.test",
    }
}
"""At least one of each shape."""
MIRRORING = {str(sample): sample for sample in SAMPLES if sample.copies is not None and sample.kind != "GRPCRoute"}
"""One of each way to mirror."""

T = TypeVar("T")


def settled(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing: the API below answers at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waited")


class ShapedCluster(WitnessedCluster):
    """See the module. A subclass says of which sample its routes are."""

    sample: Sample

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  (the dataclass' own)
        super().__init__(*arguments, **named)
        row: Router = BY_KIND.get(self.sample.kind, CUSTOM)
        self._row = row
        self._router = ObjectRouter(row, _Api(self), Cache(), WriteAccess())  # type: ignore[arg-type]

    @property
    def whole(self) -> int:
        """The sum of the two numbers."""
        return self.sample.total or 100

    def add_route(self, route: SimulatedRoute) -> SimulatedRoute:
        return super().add_route(replace(route, rules=[{"checkout": self.whole, "checkout-canary": 0}]))

    def route(self, ref: TargetRef) -> Lookup[Route]:
        found = settled(self._router.read(self._own(ref), fresh=True))
        return replace(found, ref=ref) if isinstance(found, Route) else found

    def write_route(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: str, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        own = replace(route, ref=self._own(route.ref))
        written = settled(self._router.write(own, pairs, Manager(manager), mirrors))
        return replace(written, ref=route.ref)

    def set_weights(self, ref: TargetRef, pairs: Mapping[str, tuple[int, int]], manager: str = "kubectl") -> None:
        scaled = {rule: tuple(number * self.whole // sum(pair) for number in pair) for rule, pair in pairs.items()}
        super().set_weights(ref, scaled, manager)  # type: ignore[arg-type]

    def _own(self, ref: TargetRef) -> TargetRef:
        return replace(ref, kind=self.sample.kind, baseline=self.sample.names[0], candidate=self.sample.names[1])

    def patched_to(self, item: Object, pair: tuple[int, int], manager: str) -> None:
        """Keeps an object that was written."""
        ref = TargetRef(self.namespace, self.sample.kind, "shop", *self.sample.names)
        (rule,) = route_of(self._row.view(item), ref).pairs
        self._write(self.routes[REF.key], REF, {"#0": pair}, {"#0": rule.mirror}, manager)

    def drawn(self) -> Object:
        """The route as an object."""
        found = self.routes.get(REF.key)
        if found is None:
            raise Missing(REF.key)
        (backends,) = found.rules
        item = self.sample.with_numbers(self.sample.item(self.namespace), *backends.values())
        mirror = found.mirrors.get(("#0", REF.candidate), 0)
        if mirror:
            assert isinstance(self._row.shape, MirroringShape)
            item = patched(item, self._row.shape.mirroring(item, self.sample.rule, self.sample.names[1], mirror))
        item["metadata"] |= {"uid": found.uid, "generation": found.generation, "resourceVersion": str(found.generation)}
        written = datetime.fromtimestamp(self.history[-1].time, UTC).isoformat()
        fields = [_fields(path) for path in self._row.shape.find(item).owned]
        item["metadata"]["managedFields"] = [
            {"manager": found.manager, "time": written, "fieldsV1": one} for one in fields
        ]
        return item


class _Api:
    """The API server, as far as the adapter needs it, on one cluster's one route."""

    def __init__(self, cluster: ShapedCluster) -> None:
        self._cluster = cluster

    async def get(self, *_: object) -> Object:
        return self._cluster.drawn()

    async def patch(
        self, _resource: object, _ns: str, _name: str, patch: Sequence[Object], *, manager: str, **_: object
    ) -> Object:
        cluster = self._cluster
        item = patched(cluster.drawn(), patch)
        baseline, candidate = cluster.sample.numbers(item)
        assert baseline is not None
        assert candidate is not None
        assert cluster.sample.third == () or cluster.sample.number_at(item, cluster.sample.third) == 7
        assert cluster.sample.total in {None, baseline + candidate}
        assert baseline + candidate > 0
        cluster.patched_to(item, (baseline, candidate), manager)
        return cluster.drawn()

    async def serves(self, *_: object) -> bool:
        return True


def patched(item: Object, patch: Sequence[Object]) -> Object:
    """A JSON patch of `test`, `add`, `remove` and `replace`, as RFC 6902 has it."""
    made: Any = copy.deepcopy(item)
    for one in copy.deepcopy(list(patch)):
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]]
        node = made
        for key in way:
            node = node[int(key)] if isinstance(node, list) else node[key]
        place: Any = last
        if isinstance(node, list):
            place = len(node) if last == "-" else int(last)
        match one["op"]:
            case "test" if node[place] != one["value"]:
                raise Conflict(f"{one['path']} is {node[place]!r}, not {one['value']!r}")
            case "add" if isinstance(node, list):
                node.insert(place, one["value"])
            case "add":
                node[place] = one["value"]
            case "remove":
                del node[place]
            case "replace":
                assert node[place] is not None
                node[place] = one["value"]
    return dict(made)


def _fields(path: Sequence[str]) -> Object:
    made: Object = {}
    for key in reversed(path):
        made = {f"f:{key}": made}
    return made


def cluster_of(sample: Sample) -> type[ShapedCluster]:
    """The cluster whose routes are of this sample."""
    return type("Shaped", (ShapedCluster,), {"sample": sample})
