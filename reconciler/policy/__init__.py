"""Who may have what, and whose approval it takes. Pure decisions: no IO, no clock."""
