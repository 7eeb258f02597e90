"""Figures taken from outside the operator, on the lab's real API server: `python -m tests.bench`."""
