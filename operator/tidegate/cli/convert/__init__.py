"""`tidegate convert`: manifests of Argo Rollouts and Flagger become Rollouts, with a comment wherever something has no equal or another meaning.

`argo` and `flagger` read one kind each; `argo_steps`, `argo_analysis` and `flagger_metrics` read its parts; `conditions` and
`promql_text` read texts; `draft` holds what is being made; `written` is the YAML with its comments.
"""
