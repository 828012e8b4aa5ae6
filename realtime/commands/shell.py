"""How every command ends: exit 0, 2 on bad use, 1 on failure, and one line that names the fix."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import click
import cv2

from realtime.errors import PoseError


def run(command: click.Command) -> NoReturn:
    """Run a click command and leave the process with the project's exit codes."""
    _set_up_logs()
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


def _set_up_logs() -> None:
    """Our own words at the level `REALTIME_POSE3D_LOG` names; the codec libraries' only when debugging."""
    level = os.environ.get("REALTIME_POSE3D_LOG", "").upper()
    if level not in logging.getLevelNamesMapping():
        level = "WARNING"
    logging.basicConfig(level=level, format="%(message)s")
    if level != "DEBUG":
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _say(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
