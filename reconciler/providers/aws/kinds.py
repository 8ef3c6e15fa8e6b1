"""The kinds of entitlement that AWS has, as they stand in plans and records."""

ASSIGNMENT = "account_assignment"
MEMBERSHIP = "group_membership"
POLICY = "inline_policy"
IAM_GROUP = "iam_group"
MEMBER = "member"  # the one role in a group
