"""Routes with weighted backends and mirrors, written with tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.core.model.rule_names import not_named, renamed_rules, renamed_to, twins
from tidegate.core.model.world import ABSENT, Lookup, Route, RulePair, TargetRef
from tidegate.ports.errors import Conflict, Missing
from tidegate.ports.protocols import NONE
from tidegate.simulation.cluster.history import History
from tidegate.simulation.cluster.objects import REVERT, RouteWrite, SimulatedRoute


@dataclass
class SimulatedRoutes(History):
    """Routes with weighted backends and mirrors, written with tests."""

    routes: dict[str, SimulatedRoute] = field(default_factory=dict)
    """By `Kind/name`."""
    not_served: set[str] = field(default_factory=set)
    """Kinds of route whose definition was deleted."""

    def add_route(self, route: SimulatedRoute) -> SimulatedRoute:
        """Creates a route."""
        route.uid = f"uid-{route.name}-{self.next_version()}"
        self.routes[f"{route.kind}/{route.name}"] = route
        self._note(route)
        return route

    def route(self, ref: TargetRef) -> Lookup[Route]:
        """A route as the `TrafficRouter` port reports it."""
        found = self.routes.get(ref.key)
        if found is None:
            return ABSENT
        pairs, missing = [], set(ref.rules)
        named = [(found.label(index), found.identity(index)) for index in range(len(found.rules))]
        renamed = renamed_rules(ref, named)
        unnamed = [renamed_to(*one) for one in renamed.items()]
        strays: dict[str, int] = {}
        for index, backends in enumerate(found.rules):
            name = found.label(index)
            if ref.rules and name not in ref.rules and name not in renamed:
                weight, copied = backends.get(ref.candidate, 0), found.mirrors.get((name, ref.candidate), 0)
                unnamed += [not_named(name, ref.candidate, weight, copied)] if weight or copied else []
                continue
            if ref.baseline in backends and ref.candidate in backends:
                alone = len(backends) == 2
                mirror = found.mirrors.get((name, ref.candidate), 0)
                weights = backends[ref.baseline], backends[ref.candidate]
                identity, cannot = found.identity(index), found.cannot_mirror
                pairs.append(RulePair(name, *weights, alone, identity, mirror=mirror, cannot_mirror=cannot))
                missing.discard(name)
            elif mirror := found.mirrors.get((name, ref.candidate), 0):
                strays[name] = mirror
        return Route(
            ref,
            found.uid,
            found.generation,
            tuple(pairs),
            acceptance=found.acceptance,
            missing_rules=tuple(sorted(missing)),
            missing_because="; ".join(unnamed) if missing else "",
            renamed=renamed,
            twins=twins(ref, named),
            strays=strays,
            sticky=found.sticky,
            reverted_by_us=found.manager == REVERT,
            handle=found.frame,
        )

    def write_route(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: str, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        """Sets weights, if nothing but others' weights (for a revert: but its own pairs) changed since `route` was read.

        Raises: Conflict, Missing.
        """
        found = self.routes.get(route.ref.key)
        if found is None:
            raise Missing(route.ref.key)
        if found.generation != route.generation and not self._as_decided(route, found, revert=manager == REVERT):
            raise Conflict(f"{route.ref.key}: it changed")
        self._write(found, route.ref, pairs, mirrors, manager)
        again = self.route(route.ref)
        if not isinstance(again, Route):
            raise Missing(route.ref.key)
        return again

    def _as_decided(self, route: Route, found: SimulatedRoute, *, revert: bool) -> bool:
        now = self.route(route.ref)
        same = isinstance(now, Route) and (now.uid, now.pairs, now.missing_rules) == (
            route.uid,
            route.pairs,
            route.missing_rules,
        )
        if not isinstance(now, Route) or [one.identity for one in now.pairs] != [one.identity for one in route.pairs]:
            return False
        if revert:
            return same
        alike = [pair.mirror for pair in now.pairs] == [pair.mirror for pair in route.pairs]
        return same and alike and route.handle == found.frame

    def set_weights(self, ref: TargetRef, pairs: Mapping[str, tuple[int, int]], manager: str = "kubectl") -> None:
        """Sets weights without a test, as a person or Git does."""
        self._write(self.routes[ref.key], ref, pairs, NONE, manager)

    def set_mirrors(self, ref: TargetRef, mirrors: Mapping[str, int], manager: str = "kubectl") -> None:
        """Sets mirrors to the candidate without a test, as a person or Git does; 0 removes one."""
        self._write(self.routes[ref.key], ref, {}, mirrors, manager)

    def _write(
        self,
        found: SimulatedRoute,
        ref: TargetRef,
        pairs: Mapping[str, tuple[int, int]],
        mirrors: Mapping[str, int],
        manager: str,
    ) -> None:
        before = [dict(backends) for backends in found.rules], dict(found.mirrors)
        for index, backends in enumerate(found.rules):
            if (name := found.label(index)) in pairs:
                backends[ref.baseline], backends[ref.candidate] = pairs[name]
        for rule, percent in mirrors.items():
            found.mirrors.pop((rule, ref.candidate), None)
            if percent:
                found.mirrors[rule, ref.candidate] = percent
        if (found.rules, found.mirrors) != before:
            found.generation += 1
            found.manager = manager
            self._note(found)

    def _note(self, route: SimulatedRoute) -> None:
        rules = tuple(dict(backends) for backends in route.rules)
        self._keep(
            RouteWrite(self.clock.now(), f"{route.kind}/{route.name}", route.manager, rules, dict(route.mirrors))
        )
