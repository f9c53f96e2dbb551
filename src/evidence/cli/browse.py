"""evidence browse: the archive in the browser."""

from __future__ import annotations

import webbrowser
from contextlib import suppress

import click

from evidence.cli.session import Session, now
from evidence.cli.text import _, help_end


@click.command(
    "browse",
    help=_(
        "Open the archive in the browser, at the timeline, on this machine only. Reviews can be recorded with the link that is printed."
    ),
    epilog=help_end(
        "evidence browse --no-open --port 8001",
        codes=(0, 2, 10, 130),
    ),
)
@click.option("--port", type=int, default=0, help=_("Port to listen on; default: any free one."))
@click.option("--read-only", is_flag=True, help=_("Do not let reviews be recorded from the browser."))
@click.option("--no-open", is_flag=True, help=_("Print the link; do not open a browser."))
@click.pass_obj
def command(session: Session, port: int, read_only: bool, no_open: bool) -> int:
    from evidence.browse import serve
    from evidence.operate.health import banners
    from evidence.pipeline.judge import Judge
    from evidence.pipeline.recount import Recount

    session.current().close()
    config = session.config
    with suppress(
        OSError
    ):  # only for a plain `datasette FOLDER`: a folder that cannot be written is no reason not to read
        serve.write_metadata(config.folder)
    token, ticket = (None, None) if read_only else (serve.new_token(), serve.new_token())
    wanted = serve.free_port(port)
    datasette = serve.build(
        session.need_archive(),
        title=config.matter.title,
        language=config.matter.language,
        timezone=config.matter.timezone,
        writer=None if read_only else Judge(config, now=now),
        token=token,
        ticket=None if no_open else ticket,
        banners=lambda language: banners(config, language),
        port=wanted,
        actor=session.actor,
        now=now,
        recount=Recount(config),
    )
    url = serve.address(wanted, token)

    def ready() -> None:
        click.echo(url)
        click.echo(_("Stop with Ctrl-C."), err=True)
        if not no_open:
            # Every user of the machine sees the arguments of the browser's process: they get a ticket that opens once.
            webbrowser.open(serve.address(wanted, ticket))

    serve.run(datasette, wanted, on_ready=ready)
    return 0
