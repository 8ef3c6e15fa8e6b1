"""What decides over access in a sandbox with a forge: rules with their tests, a catalog, a bundle.
Only text."""

from __future__ import annotations

from reconciler.sandbox.written import HEAD, written

# Who approves, where there is a forge to prove it. No local system knows these groups.
APPROVERS = {"payments-leads": ("carol", "dave"), "access-admins": ("frank", "grace")}

# Of each system: the resource as its provider spells it, and an item on it.
_KNOWN = {
    "aws": (
        "111122223333",
        {"account": "payments", "permission_set": "ReadOnlyAccess"},
    ),
    "gcp": (
        "projects/payments-prod",
        {"project": "payments-prod", "role": "roles/cloudsql.viewer"},
    ),
    "bitbucket": (
        "payments-api",
        {"repository": "payments-api", "permission": "write"},
    ),
}
_POLICY = """\
# Who may have what, and who must approve: any rule that forbids, then the first that permits.
rules:
  - forbid: nobody-administers-payments
    match: {resources: ["*payments*"], roles: ["*admin*", "roles/owner", Owner]}
    reason: Payments are administered by the platform team's own pipeline

  - permit: payments-emergency            # at once and for two hours; somebody looks afterwards
    match: {paths: ["grants/break-glass/**"], groups: [payments-oncall]}
    require: {reason: 20}
    break_glass:
      serves: {groups: [payments-oncall]}
      max_duration: 2h
      wakes: [payments-leads]
      review: {groups: [auditors], within: 3d}

  - permit: payments-work                 # everything else of payments: one lead, at most a week
    match: {paths: ["grants/payments/**"]}
    max_duration: 7d
    approvals: [{count: 1, groups: [payments-leads]}]

changes:
  - change: rules-people-and-configuration
    paths: [policies/**, directory/**, bundles/**, catalog/**, reviews/**, reconciler.yaml]
    approvals: [{count: 1, groups: [access-admins]}]
"""
_REQUEST = """\
    grant:
      subject: {who}@example.com
      access: [{{system: bitbucket, repository: payments-api, permission: {role}}}]
      duration: 8h
      reason: The settlement batch fails since Tuesday
"""
_POLICY_TEST = f"""\
# What the rules should say, in examples: `reconciler policy test` runs them.
tests:
  - name: one lead is enough for a day's work
    path: grants/payments/alice.yaml
    at: 2026-12-01T09:00:00Z
{_REQUEST.format(who="alice", role="write")}\
    facts: {{author: alice@example.com, approved_by: [carol@example.com]}}
    expect: {{decision: granted, rule: payments-work}}

  - name: no lead approves their own access
    path: grants/payments/carol.yaml
    at: 2026-12-01T09:00:00Z
{_REQUEST.format(who="carol", role="write")}\
    facts: {{author: bob@example.com, approved_by: [carol@example.com]}}
    expect: {{decision: waiting, rule: payments-work}}

  - name: nobody administers payments
    path: grants/payments/alice.yaml
    at: 2026-12-01T09:00:00Z
{_REQUEST.format(who="alice", role="admin")}\
    facts: {{author: alice@example.com, approved_by: [carol@example.com, dave@example.com]}}
    expect: {{decision: refused, rule: nobody-administers-payments}}
"""


def governing(systems: tuple[str, ...]) -> dict[str, str]:
    """Path -> text, for the systems that are served."""
    known = {name: known for name, known in _KNOWN.items() if name in systems}
    resources = [
        {
            "system": system,
            "resource": resource,
            "owner": "payments-leads",
            "tags": {"env": "prod"},
            "classification": "confidential",
        }
        for system, (resource, _) in known.items()
    ]
    items = [{"system": system, **item} for system, (_, item) in known.items()]
    what = "What whoever is on call for payments needs"
    texts = {"policies/payments.yaml": _POLICY}
    if known:
        texts["catalog/payments.yaml"] = f"{HEAD}\n{written({'resources': resources})}"
        texts["bundles/payments-oncall.yaml"] = (
            f"{HEAD}\n{written({'description': what, 'access': items})}"
        )
    if "bitbucket" in systems:
        texts["policies/tests/payments.yaml"] = _POLICY_TEST
    return texts
