"""One object of each router as a user has it: with fields that are nobody's business, a third backend, and where its numbers stand.

The places are written out by hand here: what finds them in the operator is what is tested.
"""

from __future__ import annotations

from tests.contract.router_samples import flags, gateway_api, ingresses, meshes

SAMPLES = (*gateway_api.SAMPLES, *meshes.SAMPLES, *ingresses.SAMPLES, *flags.SAMPLES)
