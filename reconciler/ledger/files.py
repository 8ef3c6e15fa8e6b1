"""Files that somebody else may have put there: read without waiting for ever. Writes none."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_LARGEST = 1 << 30  # bytes: what a run writes at a time is a thousandth of it


def content(path: Path) -> bytes:
    """Raises OSError, also for a pipe or a device, and for a file that no memory would hold."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if found.st_size > _LARGEST:
            raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)
