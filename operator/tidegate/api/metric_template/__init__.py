"""Metric templates: queries that people write once, with gaps, and that many Rollouts use.

`ref` names a template, `spec` is what it says, `placeholders` are the places in its texts that parameters fill, `known` is what a
check knows of the cluster's templates. Filling one in and finding what is wrong with it is for `api/validation/templates`.
"""
