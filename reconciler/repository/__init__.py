"""The access repository: strict YAML, schemas, git history, cache. Asks no cloud, reads no clock.

`load` reads a commit for a run, `check` the working tree for `reconciler validate`.
"""
