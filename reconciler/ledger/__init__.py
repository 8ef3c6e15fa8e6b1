"""The record of what was decided and done: a chain of events, and where it is kept. Decides nothing."""
