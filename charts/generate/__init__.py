"""Writes what is generated in `charts/tidegate` and `deploy`: `python -m charts.generate`."""
