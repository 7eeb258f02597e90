"""Where tests and worlds make port calls fail: one gate that every in-memory port passes before and after its effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate.ports.errors import PortError


@dataclass
class Gate:
    """Passed by each port call, once before its effect and once after; a hook may raise there, or put the effect off."""

    before: Callable[[str], None] = lambda _call: None
    """Called with the call's name, such as `router.write`; an error means that nothing happened."""
    after: Callable[[str], None] = lambda _call: None
    """Called when the effect has happened; an error means that its answer was lost."""
    later: Callable[[str, Callable[[], None]], bool] = lambda _call, _effect: False
    """May keep the effect to let it happen later; then it returns True, and the caller gets a time-out."""
    takes: Callable[[str], float] = lambda _call: 0.0
    """Seconds of virtual time that a call takes; one that takes longer than its time-out is answered with that."""
    streams_away: bool = False
    """The watch streams have ended: what they would have brought is read by calls."""
    calls: list[str] = field(default_factory=list)
    """The names of all calls so far."""

    def reading(self, call: str) -> None:
        """A call without an effect.

        Raises: what `before` raises.
        """
        self.calls.append(call)
        self.before(call)

    def writing(self, call: str, effect: Callable[[], None]) -> None:
        """A call with an effect.

        Raises: what the hooks or the effect raise; `LateError` when the effect was put off.
        """
        self.calls.append(call)
        self.before(call)
        if self.later(call, effect):
            raise LateError(f"{call}: timed out")
        effect()
        self.after(call)


class LateError(PortError):
    """Stands for a time-out; the ports turn it into `Unavailable`."""
