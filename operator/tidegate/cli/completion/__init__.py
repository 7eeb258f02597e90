"""Completion in shells: argcomplete does it, `names` gives what only the cluster knows, `plugin` speaks kubectl's protocol."""
