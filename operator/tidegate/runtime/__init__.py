"""The operator as a process: settings, what it is put together of, its log, its own metrics, its probes."""
