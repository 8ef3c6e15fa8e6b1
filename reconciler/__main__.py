"""`python -m reconciler`, for where the command itself is not installed."""

from reconciler.cli import main

main()
