"""Kopf decorators, and nothing else: each says what woke whom.

What would replace Kopf are its watch streams, probes and login: `watches.py`, `listening.py` and `login.py`, on `kubernetes.aio`
alone. Nothing else in the operator knows Kopf: ticks, retries, the finalizer and status are ours.
"""

from tidegate.handlers.command_upkeep import CommandUpkeep
from tidegate.handlers.intake import Caches, Intake
from tidegate.handlers.registry import takes_of
from tidegate.handlers.resync import Resync
from tidegate.handlers.waker import Waker
from tidegate.handlers.watches import Watches
from tidegate.handlers.write_access import WriteAccessWatch

__all__ = ["Caches", "CommandUpkeep", "Intake", "Resync", "Waker", "Watches", "WriteAccessWatch", "takes_of"]
