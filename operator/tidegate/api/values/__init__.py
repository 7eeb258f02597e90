"""The values of the API: durations, quantities, shares, names, PromQL and text."""
