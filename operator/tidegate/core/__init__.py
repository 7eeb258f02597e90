"""The decisions: pure functions on plain data. No I/O, no clock, no randomness, no client library, no `async`."""
