"""Why a file does not fit its schema, in words: one problem for each mistake, at its place.

Imported only when a file fails: `jsonschema` takes longer to load than most runs take to check.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonschema import ValidationError

from reconciler.errors import Problem
from reconciler.repository.characters import name_of
from reconciler.repository.exact import Exact
from reconciler.repository.scalars import resolve
from reconciler.repository.schemas import Schema
from reconciler.repository.times import too_long, trouble
from reconciler.repository.tree import Tree
from reconciler.repository.words import did_you_mean, nearest, shown, ticked

Keys = tuple[str | int, ...]

_COUNTS = {"minItems": "at least", "maxItems": "at most", "minProperties": "at least"}
_LENGTHS = {"minLength": "at least", "maxLength": "at most"}
_BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}
_KINDS = {
    "object": "a mapping (`key: value` lines)",
    "array": "a list (lines that start with `- `)",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
}


def problems(
    schema: Schema, data: Any, tree: Tree, at: Keys = (), also: Sequence[str] = ()
) -> list[Problem]:
    """What is wrong with `data`, the part of the tree at `at`; not empty exactly when the schema
    refuses it. `also` may be written there too, and was judged elsewhere."""
    wording = _Wording(schema, tree, at, Slips(), also)
    found = {p: None for e in Exact(schema).iter_errors(data) for p in wording.of(e)}
    explained = wording.slips.explained()
    return sorted(problem for problem in found if problem not in explained)


@dataclass
class Slips:
    """A slip of the pen makes two errors, an unknown key and a missing one: only one is shown."""

    meant: set[tuple[Keys, str]] = field(default_factory=set)
    missed: dict[tuple[Keys, str], Problem] = field(default_factory=dict)

    def explained(self) -> set[Problem]:
        return {problem for place, problem in self.missed.items() if place in self.meant}


class _Wording:
    def __init__(
        self, schema: Schema, tree: Tree, at: Keys, slips: Slips, also: Sequence[str] = ()
    ) -> None:
        self.schema, self.tree, self.at, self.slips, self.also = schema, tree, at, slips, also

    def of(self, error: ValidationError) -> Iterator[Problem]:
        keys: Keys = (*self.at, *error.absolute_path)
        key = error.validator
        if "propertyNames" in error.absolute_schema_path:
            name = str(error.instance)
            what = f"`{shown(name)}` is no {self.called(error.schema, 'name')}"
            fix = self.example(error.schema, ())
            yield self.problem((*keys, name), what, fix, "invalid-name", of_key=True)
        elif key in ("oneOf", "anyOf"):
            yield from self.choice(error, keys)
        elif key == "additionalProperties":
            yield from self.unknown_keys(error, keys)
        elif key == "required":
            yield from self.missing(error, keys)
        else:
            what, fix, rule = self.value(error, keys)
            yield self.problem(keys, what, fix, rule)

    def unknown_keys(self, error: ValidationError, keys: Keys) -> Iterator[Problem]:
        known = list(error.schema.get("properties", {}))
        known += self.also if keys == self.at else ()
        for name in error.instance:
            if name not in known:
                near = nearest(name, [key for key in known if key not in error.instance])
                self.slips.meant.add((keys, near))
                fix = f"did you mean `{near}`?" if near else f"write one of {ticked(known)}"
                what = f"unknown key `{shown(name)}`"
                yield self.problem((*keys, name), what, fix, "unknown-key", of_key=True)

    def missing(self, error: ValidationError, keys: Keys) -> Iterator[Problem]:
        properties = error.schema.get("properties", {})
        for name in error.validator_value:
            if name not in error.instance and f"'{name}' is a required" in error.message:
                fix = f"add `{name}: {self.sample(properties.get(name, {}))}`"
                missing = self.problem(keys, f"`{name}` is missing", fix, "missing-key")
                self.slips.missed[keys, name] = missing
                yield missing

    def choice(self, error: ValidationError, keys: Keys) -> Iterator[Problem]:
        """A choice between sets of keys, or between forms told apart by their keys."""
        forms = [self.resolved(form) for form in error.validator_value]
        sets = [tuple(form["required"]) for form in forms if set(form) == {"required"}]
        if len(sets) == len(forms):
            if isinstance(error.instance, dict):  # of anything else, its type is the mistake
                yield from self.key_choice(sets, error, keys)
            return
        chosen = self.form(forms, error.instance)
        if chosen is None:
            kinds = [str(kind) for form in forms for kind in _listed(form.get("type", ()))]
            wanted = " or ".join(_KINDS.get(kind, kind) for kind in kinds) or "another value"
            yield self.problem(keys, self.is_now(keys, error.instance), f"write {wanted}", "type")
            return
        within = list(Exact({**chosen, "$defs": self.schema["$defs"]}).iter_errors(error.instance))
        wording = _Wording(self.schema, self.tree, keys, self.slips)
        for inner in within:
            yield from wording.of(inner)
        if not within:
            titles = [str(form.get("title", "a form")) for form in forms]
            what = f"the keys fit more than one of: {', '.join(titles)}"
            yield self.problem(keys, what, "keep the keys of one", "ambiguous")

    def key_choice(
        self, sets: list[tuple[str, ...]], error: ValidationError, keys: Keys
    ) -> Iterator[Problem]:
        names = [" and ".join(f"`{n}`" for n in names) for names in sets]
        there = [names for names in sets if all(n in error.instance for n in names)]
        if len(there) < 2:
            parent = self.properties_at(keys)
            first = sets[0][0]
            fix = f"add {' or '.join(names)}, as in `{first}: {self.sample(parent.get(first, {}))}`"
            what = f"one of {' or '.join(names)} is missing"
            missing = self.problem(keys, what, fix, "missing-key")
            self.slips.missed |= {(keys, name): missing for names in sets for name in names}
            yield missing
            return
        second = there[1][0]
        what = f"`{there[0][0]}` and `{second}` cannot both be set"
        yield self.problem((*keys, second), what, "keep one of them", "conflict", of_key=True)

    def form(self, forms: list[Schema], instance: Any) -> Schema | None:
        """The form that the author most likely meant: the one that knows most of the keys."""
        if not isinstance(instance, dict):
            fitting = [f for f in forms if Exact({"type": f.get("type", [])}).is_valid(instance)]
            return fitting[0] if len(fitting) == 1 else None
        objects = [form for form in forms if "properties" in form]
        if not objects:
            return None

        def fit(form: Schema) -> tuple[int, int, int]:
            known = set(form["properties"])
            constants = [k for k, v in form["properties"].items() if "const" in v]
            wrong = sum(1 for k in constants if instance.get(k) != form["properties"][k]["const"])
            missing = sum(1 for k in form.get("required", ()) if k not in instance)
            return (-wrong, len(known & set(instance)), -missing)

        return max(objects, key=fit)

    def value(self, error: ValidationError, keys: Keys) -> tuple[str, str, str]:
        key, wanted, value = str(error.validator), error.validator_value, error.instance
        now = self.is_now(keys, value)
        if key == "type":
            kinds = [_KINDS.get(kind, kind) for kind in _listed(wanted)]
            return now, f"write {' or '.join(kinds)}", "type"
        if key in ("enum", "const"):
            known = [_flow(v) for v in _listed(wanted)]
            hint = did_you_mean(str(value), known) or f"write {ticked(known)}"
            return f"{now}, which is not known here", hint, "unknown-value"
        if key == "minLength" and "pattern" in error.schema:
            return self.pattern(error, now)  # the form says more than the length
        if key in _LENGTHS:
            what = f"{now}: {_counted(len(value), 'character')}" if value else now
            return what, f"write {_LENGTHS[key]} {_counted(wanted, 'character')}", "length"
        if key in _COUNTS or key == "maxProperties":
            fix = f"write {_COUNTS.get(key, 'at most')} {wanted}"
            return f"{self.name(keys)} has {_counted(len(value), 'entry', 'entries')}", fix, "count"
        if key in _BOUNDS or key == "exclusiveMaximum":
            return now, f"write {_BOUNDS.get(key, 'less than')} {wanted}", "range"
        if key == "uniqueItems":
            twice = next(v for i, v in enumerate(value) if v in value[:i])
            what = f"{self.name(keys)} names `{shown(twice)}` twice"
            return what, "remove one of them", "duplicate-value"
        if key == "pattern":
            return self.pattern(error, now)
        if key == "dependentRequired":
            return f"{self.name(keys)}: {error.message}", "add what is missing", "missing-key"
        return f"{now}: {shown(error.message)}", self.example(error.schema, keys), "invalid"

    def pattern(self, error: ValidationError, now: str) -> tuple[str, str, str]:
        value, title = error.instance, self.called(error.schema, "right value")
        fix = self.example(error.schema, (*self.at, *error.absolute_path))
        if not value:
            return now, fix, "pattern"
        if title.startswith("time") and (why := trouble(value)):
            return f"{now}, {why}", fix, "time"
        if title.startswith("length of time") and too_long(value):
            return f"{now}, which is longer than anything here can last", fix, "time"
        foreign = next((c for c in value if not c.isascii()), "")
        if foreign and unicodedata.category(foreign)[0] in "LMN":
            what = f"{now}, with a letter that is not ASCII: {name_of(foreign)}"
            return what, fix, "not-ascii"
        return f"{now}, which is no {title}", fix, "pattern"

    def problem(
        self, keys: Keys, what: str, fix: str, rule: str, *, of_key: bool = False
    ) -> Problem:
        return Problem(self.tree.position(keys, of_key=of_key), what, fix, rule)

    def resolved(self, schema: Schema) -> Schema:
        found = schema
        while "$ref" in found:
            found = resolve(found["$ref"], self.schema)
        return found

    def properties_at(self, keys: Keys) -> Mapping[str, Any]:
        """What the schema says of the keys of the mapping at `keys`, where that is simple to say:
        for the top of the schema."""
        found = self.resolved(self.schema)
        return found.get("properties", {}) if keys == self.at else {}

    def name(self, keys: Keys) -> str:
        return f"`{_spelled(keys)}`" if keys else "the file"

    def is_now(self, keys: Keys, value: Any) -> str:
        if isinstance(value, dict | list):
            kind = "a mapping" if isinstance(value, dict) else "a list"
            return f"{self.name(keys)} is {kind}"
        if value == "":
            return f"{self.name(keys)} is empty"
        text = _flow(value) if isinstance(value, bool) else value
        return f"{self.name(keys)} is `{shown(text)}`"

    def called(self, schema: Schema, otherwise: str) -> str:
        """The title as a word within a sentence: an editor shows it with a capital."""
        title = str(self.resolved(schema).get("title", otherwise))
        return title if title[:2].isupper() else title[:1].lower() + title[1:]

    def example(self, schema: Schema, keys: Keys) -> str:
        here = self.properties_at(keys[:-1]).get(str(keys[-1]), {}) if keys else {}
        found = here if "examples" in here else self.resolved(schema)
        if found.get("examples"):
            return f"write it like `{self.sample(found)}`"
        described = found.get("description", "").split(". ")[0].rstrip(".")
        return f"write: {described}" if described else "write another value"

    def sample(self, schema: Schema) -> str:
        found = schema
        while "examples" not in found and "$ref" in found:
            found = resolve(found["$ref"], self.schema)
        first = (found.get("examples") or found.get("enum") or ["…"])[0]
        return _flow(first)


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _spelled(keys: Keys) -> str:
    """`access[1].role`"""
    found = ""
    for key in keys:
        found += f"[{key}]" if isinstance(key, int) else f".{shown(key)}" if found else shown(key)
    return found


def _counted(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
