"""The Kubernetes API in memory, as far as the ports need it: objects with generations and tested writes.

One `Cluster` is shared by several operators, as the real one is; each of them sees it through ports of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.simulation.cluster.deployments import SimulatedDeployments
from tidegate.simulation.cluster.jobs import SimulatedJobs
from tidegate.simulation.cluster.rollouts import SimulatedRollouts
from tidegate.simulation.cluster.routes import SimulatedRoutes


@dataclass
class Cluster(SimulatedRollouts, SimulatedJobs, SimulatedDeployments, SimulatedRoutes):
    """See the module."""
