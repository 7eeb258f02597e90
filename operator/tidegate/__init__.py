"""Canary releases for Kubernetes: traffic moves step by step, is evaluated, and is restored when a limit is breached."""
