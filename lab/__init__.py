"""A real control plane, gateway, Prometheus and sample service as local processes: the demo and the integration tests."""
