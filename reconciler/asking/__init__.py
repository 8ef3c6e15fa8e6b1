"""Asking for access: what can be had, who must approve, the file and the pull request that ask.

Decides nothing: what the rules of the main line say is handed on.
"""
