"""Canary releases for Kubernetes: traffic moves step by step, is judged, and is put back when a limit is breached."""
