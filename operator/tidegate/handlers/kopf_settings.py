"""Kopf's settings: watch streams and nothing else."""

from __future__ import annotations

from typing import Final

import kopf

SILENCE: Final = 70.0
"""Seconds without a word, bookmarks included, before a stream counts as dead: the API server sends one a minute."""
PAGE: Final = 100
"""Objects a page of the first listing: all of a page are in memory as JSON gave them, thirty times what is kept of them."""
BACKOFFS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries of one request; after the last the streams are begun anew."""


class NothingRemembered(kopf.DiffBaseStorage):
    """Keeps no last-handled state: no handler of ours needs one, and users' objects are not to be annotated."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Nothing, instead of a deep copy of every object of every event."""
        return kopf.BodyEssence()

    def fetch(self, **_: object) -> None:
        """Nothing."""

    def store(self, **_: object) -> None:
        """Does nothing."""


def kopf_settings(*, scanning: bool = True) -> kopf.OperatorSettings:
    """Settings for watch streams that come back by themselves and touch no object.

    `scanning`: whether kinds and namespaces that come later are looked for.
    """
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = not scanning
    # Kopf removes its own finalizer wherever it finds it: it must never be taken for ours.
    settings.persistence.finalizer = "tidegate.dev/never-set"
    settings.persistence.diffbase_storage = NothingRemembered()
    settings.watching.inactivity_timeout = SILENCE
    settings.watching.connect_timeout = 5.0
    settings.watching.chunk_size = PAGE
    settings.networking.request_timeout = 60.0
    settings.networking.connect_timeout = 5.0
    settings.networking.error_backoffs = BACKOFFS
    settings.queueing.error_delays = BACKOFFS
    # A worker is kept for each object, and the raw object with it, for this long: with ten thousand in the first listing,
    # longer is memory.
    settings.queueing.idle_timeout = 0.05
    settings.queueing.exit_timeout = 1.0
    settings.process.ultimate_exiting_timeout = None
    return settings
