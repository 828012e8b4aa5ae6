"""How every command ends: exit 0, 2 on bad use, 1 on failure, and one line that names the fix."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import click
import cv2

from realtime.errors import PoseError

log = logging.getLogger(__name__)

LOG_VARIABLE = "REALTIME_POSE3D_LOG"


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
    except ModuleNotFoundError as error:
        log.debug("the traceback", exc_info=True)
        _say(
            f"this command needs {error.name}, which is not installed: pip install {error.name}, "
            "or this project with its dev extra"
        )
        sys.exit(1)
    except Exception as error:
        log.debug("the traceback", exc_info=True)
        _say(
            f"{type(error).__name__}: {error} (this is a defect of the program: please report it; "
            f"{LOG_VARIABLE}=DEBUG shows where)"
        )
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _set_up_logs() -> None:
    """Our own words at the level that LOG_VARIABLE names; the codec libraries' only when debugging."""
    level = os.environ.get(LOG_VARIABLE, "").upper()
    if level not in logging.getLevelNamesMapping():
        level = "WARNING"
    logging.basicConfig(level=level, format="%(message)s")
    if level != "DEBUG":
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _say(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
