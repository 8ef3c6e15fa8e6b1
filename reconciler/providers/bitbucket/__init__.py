"""What Bitbucket Cloud and Data Center share: the session, the calls and the single slot. It is
no provider itself, and never names a resource."""
