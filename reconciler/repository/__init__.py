"""The access repository: strict YAML, schemas, git history, cache. Asks no cloud, reads no clock.

`load` reads a commit for a run, `check` the working tree for `reconciler validate`.
"""

from reconciler.repository.check import Validated, check
from reconciler.repository.configuration import Configuration
from reconciler.repository.load import Loaded, load, older
from reconciler.repository.merge import merged_as

__all__ = ["Configuration", "Loaded", "Validated", "check", "load", "merged_as", "older"]
