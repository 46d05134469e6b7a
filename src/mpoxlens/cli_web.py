"""The verb that serves or writes the phone page. No logic, as in `cli`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--export", "target", type=click.Path(path_type=Path), help="Write the page into a new folder for a web host."
)
def web(port: int, opened: bool, target: Path | None) -> None:
    """Serve the phone page on this machine, or write it for a host.

    Photos and answers stay in the browser: the page sends nothing.
    """
    if target is not None:
        from mpoxlens.web.site import export

        export(target)
        click.echo(f"written: {target}")
        return
    from mpoxlens.web.serve import listen

    with listen(port) as server:
        click.echo(f"the page is at {server.address} (stop with Ctrl-C)")
        if opened:
            click.launch(server.address)
        server.serve_forever()
