"""Imports everything that a command may import."""

from importlib import import_module
from pkgutil import walk_packages

import reconciler

for module in walk_packages(reconciler.__path__, "reconciler."):
    if not module.name.startswith("reconciler.sandbox") and not module.name.endswith("__main__"):
        import_module(module.name)
