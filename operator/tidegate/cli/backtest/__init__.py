"""`tidegate backtest`: what a backtest found, in words, tables, JSON and pictures."""
