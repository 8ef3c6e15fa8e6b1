"""`reconciler schema`: the format of a file as a JSON schema that stands alone. Checks no file."""

from __future__ import annotations

import json

import click


@click.command("schema", epilog="Example: reconciler schema grant > grant.schema.json")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """Print the JSON schema NAME in one document, for an editor or another checker. Without NAME,
    list the schemas.
    """
    from reconciler.repository import schemas

    folder = schemas.installed()
    if name is not None:
        schema = schemas.whole(folder, name)
        click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
        return 0
    names = schemas.names(folder)
    width = max(map(len, names))
    for each in names:
        click.echo(f"{each:{width}}  {schemas.source(folder, each).get('title', '')}")
    return 0
