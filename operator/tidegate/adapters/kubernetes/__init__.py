"""The ports on the Kubernetes API."""
