"""Was it approved? Holds what git says against what the forge knows, by the rules of that moment.

Reads git and the forge; never a system, and never writes but to its memory, whose loss costs calls.
"""
