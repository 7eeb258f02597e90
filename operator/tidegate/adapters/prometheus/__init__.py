"""The Prometheus sources, through prometheus-api-client on threads of their own.

What would replace the library is one class, `connection.py`: it sends a text as `query` or `query_range` and gives back the parsed
answer. aiohttp, which the operator has loaded anyway, could do so without threads; pools, deadlines, the circuit breaker and what an
answer means are ours already and would stay.
"""

from tidegate.adapters.prometheus.connection import SourceAddress
from tidegate.adapters.prometheus.credentials import FileAuth
from tidegate.adapters.prometheus.source import PrometheusSource
from tidegate.adapters.prometheus.sources import PrometheusSources

__all__ = ["FileAuth", "PrometheusSource", "PrometheusSources", "SourceAddress"]
