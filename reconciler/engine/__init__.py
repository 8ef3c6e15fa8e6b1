"""Drives readers and writers. Knows no provider, reads no file, prints nothing."""
