"""`tidegate report`: what became of a run, as Markdown, HTML or JSON."""
