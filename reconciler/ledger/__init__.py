"""An append-only record of what was decided and done, each entry chained to the one before.

Remembers; never decides. Whoever loses it loses memory and evidence, never access.
"""
