"""Decides what should change and why. Pure: no IO, no clock."""
