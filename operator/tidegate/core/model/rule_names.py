"""Rules of a route by name: which were renamed since the run recorded them, and what is said of those that a Rollout does not name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tidegate.core.model.world import TargetRef


def renamed_rules(ref: TargetRef, rules: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The rules of a route that the target names under another name: their present name, and the one that it knows.

    A rule is known by all that it says but for its name, its weights and the mirrors to its own backends. Of two that are alike
    neither can be known to be the one, nor one of them after the other was deleted (`twins`).

    Args:
        ref: the target, with the identities that were recorded.
        rules: name and identity of every rule of the route.
    """
    present = list(rules)
    names = {name for name, _ in present}
    gone = [(name, identity) for name, identity in ref.known if name in ref.rules and name not in names and identity]
    found: dict[str, str] = {}
    for name, identity in gone:
        alike = [one for one, what in present if what == identity and one not in ref.rules]
        if len(alike) == 1 and [what for _, what in gone].count(identity) == 1:
            found[alike[0]] = name
    return found


def twins(ref: TargetRef, rules: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The rules that a target names, and beside which stands another one of equal content that it does not name.

    Of a rule that was renamed both may stand there: its name is gone, and two others have its content.

    Args:
        ref: the target, with the identities that were recorded; one that names no rules has none.
        rules: name and identity of every rule of the route.
    """
    present = list(rules) if ref.rules else []
    names = {name for name, _ in present}
    others = Counter(identity for name, identity in present if name not in ref.rules)
    named = {name for name, identity in present if name in ref.rules and others[identity]}
    renamed = {name for name, identity in ref.known if name in {*ref.rules} - names and others[identity] > 1}
    return frozenset(named | renamed)


def renamed_to(rule: str, name: str) -> str:
    """What is said of a rule that was renamed."""
    return f"rule {rule} is rule {name} under another name, and a revert restores it: name it in spec.traffic, or rename it back"


def not_named(rule: str, candidate: str, weight: int, mirror: int = 0) -> str:
    """What is said of a rule that the Rollout does not name, beside one that it names and that is missing: it may have been renamed.

    Args:
        rule: its name.
        candidate: the candidate's backend.
        weight: what the rule gives that backend; 0 for nothing.
        mirror: percent of the rule's requests that are copied to it.
    """
    gives = f"gives {candidate} weight {weight}" if weight else ""
    copies = f"mirrors {mirror}% of its requests to {candidate}" if mirror else ""
    what = " and ".join(filter(None, (gives, copies)))
    return f"rule {rule}, which is not in spec.traffic, {what}, and no revert changes that: name the rule there, or change it by hand"
