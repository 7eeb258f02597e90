"""The status that is written: for people, and for the next tick."""
