"""The routers, a row each, by family. What a field means is said in `row.py` and `shapes/`."""
