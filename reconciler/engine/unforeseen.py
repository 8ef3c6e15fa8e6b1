"""A bug, or a lie from outside that a provider did not foresee: one line for people, and where it
happened for whoever asks. Catches nothing itself.
"""

from __future__ import annotations

import logging
import traceback

from reconciler.errors import ProviderError
from reconciler.unsaid import unsaid

log = logging.getLogger("reconciler")


def unforeseen(system: str, action: str, e: Exception) -> ProviderError:
    """What this piece of work fails with. The text of such an exception has what the system said
    in it, as its traceback has: both are logged without what speaks for us, the traceback at the
    level of debugging only."""
    error = ProviderError(system, action, f"unexpected {type(e).__name__}: {e}")
    log.error("%s", " ".join(str(error).split()))
    log.debug("%s", unsaid("".join(traceback.format_exception(e))))
    return error
