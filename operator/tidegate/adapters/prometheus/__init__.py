"""The Prometheus sources, through prometheus-api-client on threads of their own."""

from tidegate.adapters.prometheus.connection import SourceAddress
from tidegate.adapters.prometheus.credentials import FileAuth
from tidegate.adapters.prometheus.source import PrometheusSource
from tidegate.adapters.prometheus.sources import PrometheusSources

__all__ = ["FileAuth", "PrometheusSource", "PrometheusSources", "SourceAddress"]
