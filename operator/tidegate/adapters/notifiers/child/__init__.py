"""The process that apprise runs in: JSON lines in, JSON lines out. Nothing of the operator is loaded but `allowed`."""
