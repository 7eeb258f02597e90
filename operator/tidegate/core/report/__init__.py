"""The report of a run, made of its status: what `tidegate report`, `tidegate simulate --report` and the operator write."""
