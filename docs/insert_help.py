"""Put the help text of every command into docs/cli.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import blocks
import click

from mpoxlens import cli

WIDTH = 100  # columns, so that the text does not depend on the terminal


def helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """Yield a section for a command, then for those below it."""
    context = click.Context(command, parent=parent, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from helps(found, context, child)


def root() -> click.Group:
    """Return the outermost command of the command line."""
    groups = [value for value in vars(cli).values() if isinstance(value, click.Group)]
    inner = {id(command) for group in groups for command in group.commands.values()}
    (outermost,) = (group for group in groups if id(group) not in inner)
    return outermost


if __name__ == "__main__":
    text = "\n\n".join(helps(root(), None, "mpoxlens"))
    sys.exit(blocks.main("insert_help", __doc__, {blocks.ROOT / "docs" / "cli.md": {"help": text}}))
