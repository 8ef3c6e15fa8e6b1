"""`python tests/data/ocsf/extract.py`: makes the extract beside it out of OCSF's published schema.

Needs the package ocsf-json-schema (1.2.0), which ships that schema; nothing else here does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VERSION = "1.8.0"
CLASSES = ("application_error", "application_lifecycle", "base_event", "detection_finding",
           "entity_management", "user_access")  # fmt: skip
# Attributes that refer to other objects than these are left out, and are then refused.
OBJECTS = {"actor", "analytic", "authorization", "finding_info", "managed_entity", "metadata",
           "object", "policy", "product", "resource_details", "user"}  # fmt: skip


def main() -> None:
    from ocsf_json_schema import OcsfJsonSchema, get_ocsf_schema

    source = OcsfJsonSchema(get_ocsf_schema(VERSION))
    classes = {name: trimmed(source.get_class_schema(name)) for name in CLASSES}
    objects = {name: trimmed(source.get_object_schema(name)) for name in sorted(OBJECTS)}
    extract = {
        "$schema": source.JSON_SCHEMA_VERSION,
        "$comment": f"Extract of the OCSF schema {VERSION}, Apache-2.0; see README.md",
        "$defs": {**{f"class_{k}": v for k, v in classes.items()}, **objects},
    }
    Path(__file__).with_name("schema.json").write_text(json.dumps(extract, indent=1) + "\n")


def trimmed(schema: dict[str, Any]) -> dict[str, Any]:
    """Without titles, and with references to what is in the extract."""
    for key in ("$schema", "$id", "title"):
        schema.pop(key, None)
    properties = {name: referring(of) for name, of in schema["properties"].items()}
    schema["properties"] = {name: of for name, of in properties.items() if of}
    return schema


def referring(of: dict[str, Any]) -> dict[str, Any] | None:
    of.pop("title", None)
    at = of.get("items", of)
    if "$ref" in at:
        name = at["$ref"].split("?")[0].rsplit("/", 1)[1]
        if name not in OBJECTS:
            return None
        at["$ref"] = f"#/$defs/{name}"
    return of


if __name__ == "__main__":
    main()
