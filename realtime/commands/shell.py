"""How every command ends: exit 0, 2 on bad use, 1 on failure, and one line that names the fix."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import click

from realtime.errors import PoseError


def run(command: click.Command) -> NoReturn:
    """Run a click command and leave the process with the project's exit codes."""
    logging.basicConfig(level=os.environ.get("REALTIME_POSE3D_LOG", "WARNING").upper(), format="%(message)s")
    try:
        status = command.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(2)
    except PoseError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _say(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
