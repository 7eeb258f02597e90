"""The ports on real systems, one client library each. Translates errors and time-outs; judges nothing."""
