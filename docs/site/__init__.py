"""The documentation as a site: `python -m docs.site DIRECTORY` builds it, `python -m docs.site --generate` its generated pages.

`reference` makes the pages of `docs/reference` from the models; `staging` gathers every page that the site shows, with
links that hold there; `checks` reads the built site as a browser would.
"""
