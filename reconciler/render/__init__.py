"""Shows plans, outcomes and status: text for people, markdown for pull requests, JSON for machines.
Decides nothing."""
