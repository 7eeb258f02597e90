"""The ports in memory, a virtual clock and scripted worlds: for `tidegate simulate` and for the tests."""
