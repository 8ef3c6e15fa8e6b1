"""An entry -> an event of OCSF 1.8, the common words of SIEMs. Tells nothing that the entry does not.

Which class an event belongs to is in docs/audit.md; the schema is at schema.ocsf.io. What OCSF has no
name for stands under `unmapped`, in the ledger's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler import __version__
from reconciler.ledger.index_rows import micros
from reconciler.model import Assignment, Entry, Event, EventKind

VERSION = "1.8.0"
_PRODUCT = {"name": "access-reconciler", "vendor_name": "access-reconciler", "version": __version__}

INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4, 5
_SEVERITIES = ("", "Informational", "Low", "Medium", "High", "Critical")
_CATEGORIES = {0: "Uncategorized", 2: "Findings", 3: "Identity & Access Management",
               6: "Application Activity"}  # fmt: skip
_CLASSES = {0: "Base Event", 2004: "Detection Finding", 3004: "Entity Management",
            3005: "User Access Management", 6002: "Application Lifecycle",
            6008: "Application Error"}  # fmt: skip
_BASE, _FINDING, _ENTITY, _ACCESS, _LIFECYCLE, _ERROR = _CLASSES
_OTHER = 99
# OCSF's, anchored: looked for within a text it would be tried anew at each character.
_EMAIL = re.compile(r"\A[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+\Z")


@dataclass(frozen=True, slots=True)
class _Told:
    """How one kind of event is told. An `activity` of 99 goes by its `name`."""

    of: int
    activity: int
    name: str
    severity: int = INFORMATIONAL


_CHANGES = {
    "add": (1, "Assign Privileges"),
    "remove": (2, "Revoke Privileges"),
    "extend": (_OTHER, "Extend Privileges"),
    "shorten": (_OTHER, "Shorten Privileges"),
}
_KINDS: Mapping[EventKind, _Told] = {
    EventKind.RUN_STARTED: _Told(_LIFECYCLE, 3, "Start"),
    EventKind.RUN_ENDED: _Told(_LIFECYCLE, 4, "Stop"),
    EventKind.DECIDED: _Told(_ENTITY, _OTHER, "Decide"),
    EventKind.INTENDED: _Told(_ACCESS, _OTHER, "Intend"),
    EventKind.DONE: _Told(_ACCESS, _OTHER, "Change Privileges"),
    EventKind.FOUND: _Told(_ACCESS, _OTHER, "Find After Interruption", LOW),
    EventKind.ALREADY_HELD: _Told(_ACCESS, _OTHER, "Find Already Held"),
    EventKind.CAME_BACK: _Told(_FINDING, 1, "Create", HIGH),
    EventKind.HELD_BACK: _Told(_FINDING, 1, "Create", MEDIUM),
    EventKind.UNKNOWN: _Told(_ERROR, 1, "General Error", MEDIUM),
    EventKind.UNAPPROVED: _Told(_FINDING, 1, "Create", HIGH),
    EventKind.BREAK_GLASS: _Told(_FINDING, 1, "Create", HIGH),
    EventKind.REVIEWED: _Told(_FINDING, 3, "Close"),
    EventKind.NOTIFIED: _Told(_BASE, _OTHER, "Notify"),
    EventKind.LEDGER_LOST: _Told(_FINDING, 1, "Create", CRITICAL),
    EventKind.SIGNED: _Told(_BASE, _OTHER, "Sign"),
}
_TITLES = {
    EventKind.CAME_BACK: "Access came back that was taken away",
    EventKind.HELD_BACK: "A guard held a change back",
    EventKind.UNAPPROVED: "A change of the rules that nobody approved",
    EventKind.BREAK_GLASS: "Access taken in an emergency",
    EventKind.REVIEWED: "Access taken in an emergency",
    EventKind.LEDGER_LOST: "The ledger begins anew where an earlier one must have been",
}
_UNMAPPED = ("action", "cause", "path", "commit", "rule", "outcome", "pull", "reason", "replaces",
             "restores", "handle", "justification", "ticket", "signed_by", "signature")  # fmt: skip


def line(entry: Entry) -> str:
    """JSON on one line, in ASCII."""
    return json.dumps(_document(entry), separators=(",", ":"))


def instant(at: datetime) -> str:
    """RFC 3339, in UTC, to the microsecond where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def severity(event: Event) -> int:
    """As OCSF counts, from 1 (informational) to 5 (critical). What failed is at least medium."""
    return max(_KINDS[event.kind].severity, MEDIUM if event.error else INFORMATIONAL)


def message(event: Event) -> str:
    """One sentence for a list of events."""
    words = [event.kind.value.replace("-", " ")]
    words += [event.action] if event.action else []
    words += [f"({event.cause})"] if event.cause else []
    words += [event.outcome] if event.outcome else []
    about = event.assignment
    if about:
        words.append(f"{event.subject or about.principal}: {about.entitlement}")
    elif event.subject or event.path:
        words.append(" ".join(part for part in (event.subject, event.path) if part))
    said = event.error or event.reason
    return " ".join(words) + (f": {said}" if said else "")


def _document(entry: Entry) -> dict[str, Any]:
    event = entry.event
    told = _KINDS[event.kind]
    activity, name = told.activity, told.name
    if event.kind is EventKind.DONE and event.action in _CHANGES:
        activity, name = _CHANGES[event.action]
    rank = severity(event)
    document = {
        "activity_id": activity,
        "activity_name": name,
        "category_uid": told.of // 1000,
        "category_name": _CATEGORIES[told.of // 1000],
        "class_uid": told.of,
        "class_name": _CLASSES[told.of],
        "type_uid": told.of * 100 + activity,
        "severity_id": rank,
        "severity": _SEVERITIES[rank],
        "time": micros(event.at) // 1000,
        "message": message(event),
        "metadata": _metadata(entry),
        "unmapped": _unmapped(event),
        **_status(event, told.of),
        **_about(event, told.of),
    }
    return {key: value for key, value in document.items() if value not in ("", {}, [])}


def _metadata(entry: Entry) -> dict[str, Any]:
    return {
        "version": VERSION,
        "product": _PRODUCT,
        "log_name": "access-ledger",
        "uid": entry.hash,  # the same again when an event is shipped twice
        "sequence": entry.number,
        "event_code": entry.event.kind.value,
        "correlation_uid": entry.event.run,
        "original_time": instant(entry.event.at),
    }


def _unmapped(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = {key: getattr(event, key) for key in _UNMAPPED}
    found |= {"grants": list(event.grants), "approved_by": list(event.approved_by)}
    found |= {"until": instant(event.until)} if event.until else {}
    found |= {"native_expiry": True} if event.native_expiry else {}
    found |= {"counts": dict(event.counts)}
    return {key: value for key, value in found.items() if value}


def _status(event: Event, of: int) -> dict[str, Any]:
    """Of a finding the status would be its state; that nobody keeps here."""
    if event.error:
        failed = {"status_id": 2, "status": "Failure"} if of != _FINDING else {}
        return {**failed, "status_detail": event.error}
    if event.kind is EventKind.DONE:
        return {"status_id": 1, "status": "Success"}
    if event.kind is EventKind.UNKNOWN:
        return {"status_id": 2, "status": "Failure"}
    if event.outcome and of != _FINDING:
        return {"status_id": _OTHER, "status": event.outcome}
    return {}


def _about(event: Event, of: int) -> dict[str, Any]:
    about = event.assignment
    actor: dict[str, Any] = {"app_name": _PRODUCT["name"]}
    if event.rule or event.approved_by:
        decision = f"approved by {', '.join(event.approved_by)}" if event.approved_by else "by rule"
        policy = {"policy": {"name": event.rule}} if event.rule else {}
        actor["authorizations"] = [{"decision": event.outcome or decision, **policy}]
    resources = [_resource(about)] if about else []
    match of:
        case 3005:
            role = about.entitlement.role if about else event.subject
            return {
                "actor": actor,
                "user": _user(event),
                "privileges": [role],
                "resources": resources,
            }
        case 3004:
            return {"actor": actor, "entity": _entity(event), "comment": event.reason}
        case 2004:
            alert = event.kind is not EventKind.REVIEWED
            return {"finding_info": _finding(event), "resources": resources, "is_alert": alert}
        case 6002:
            return {"app": _PRODUCT}
    return {}


def _user(event: Event) -> dict[str, Any]:
    """By the system's own immutable id; the directory's id of the person beside it."""
    about = event.assignment
    email = {"email_addr": event.subject} if _EMAIL.fullmatch(event.subject) else {}
    if about is None:
        return {"name": event.subject or "nobody", **email}
    name = about.principal.name or event.subject or about.principal.id
    return {"uid": about.principal.id, "name": name, "uid_alt": event.subject, **email}


def _resource(about: Assignment) -> dict[str, Any]:
    e = about.entitlement
    return {"uid": e.resource, "name": e.resource, "type": e.kind, "namespace": e.system}


def _entity(event: Event) -> dict[str, Any]:
    data = {"subject": event.subject}
    if event.assignment:
        e = event.assignment.entitlement
        data |= {"system": e.system, "kind": e.kind, "resource": e.resource, "role": e.role}
    return {"name": event.path or event.run, "version": event.commit or "-", "type": "grant",
            "type_id": _OTHER, "data": data}  # fmt: skip


def _finding(event: Event) -> dict[str, Any]:
    """The review of an emergency closes the finding that its break-glass created."""
    about = event.assignment.id if event.assignment else event.path or event.run
    emergency = event.kind in (EventKind.BREAK_GLASS, EventKind.REVIEWED)
    kind = EventKind.BREAK_GLASS if emergency else event.kind
    uid = f"{event.path}@{event.commit}" if emergency else about
    rule = event.rule or event.cause or event.kind.value
    return {
        "uid": f"{kind.value}:{uid}",
        "title": _TITLES[event.kind],
        "desc": event.reason or event.error or message(event),
        "types": [event.kind.value],
        "analytic": {"name": rule, "type_id": 1, "type": "Rule"},
    }
