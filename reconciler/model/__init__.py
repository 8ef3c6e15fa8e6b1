"""The nouns. Frozen values only: no IO, no clock, no SDK."""

from reconciler.model.access import Assignment, Capabilities, Entitlement, Observed, Principal
from reconciler.model.declaration import Cause, Claim, Declaration, Declared, Past, Upcoming
from reconciler.model.documents import (
    Bundle,
    BundleRef,
    DirectoryPage,
    Grant,
    Item,
    Mode,
    SubjectRef,
    Version,
)
from reconciler.model.limits import Limits
from reconciler.model.people import Group, Person, Service, Status, Subject, SubjectKind
from reconciler.model.plan import (
    Action,
    AlreadyHeld,
    Change,
    Foreign,
    Held,
    Kept,
    Plan,
    Unknown,
    Warning,
)
from reconciler.model.position import Position
from reconciler.model.window import Window

__all__ = [
    "Action",
    "AlreadyHeld",
    "Assignment",
    "Bundle",
    "BundleRef",
    "Capabilities",
    "Cause",
    "Change",
    "Claim",
    "Declaration",
    "Declared",
    "DirectoryPage",
    "Entitlement",
    "Foreign",
    "Grant",
    "Group",
    "Held",
    "Item",
    "Kept",
    "Limits",
    "Mode",
    "Observed",
    "Past",
    "Person",
    "Plan",
    "Position",
    "Principal",
    "Service",
    "Status",
    "Subject",
    "SubjectKind",
    "SubjectRef",
    "Unknown",
    "Upcoming",
    "Version",
    "Warning",
    "Window",
]
