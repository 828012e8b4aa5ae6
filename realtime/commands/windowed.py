"""The demo in its window: what is asked for is opened behind a window that is there at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from realtime.engines.open import choose
from realtime.errors import SourceError
from realtime.lift import choose_lag
from realtime.live.keep import Keep
from realtime.live.player import Player
from realtime.live.run import Run
from realtime.live.state import Phase, State, Wish
from realtime.live.workshop import RealWorkshop
from realtime.models import catalogue
from realtime.sample import NAME as SAMPLE
from realtime.stream.assemble import Options
from realtime.stream.safety import as_pose_error
from realtime.stream.sources.open import SourceOptions


def run_in_window(
    source: str | None,
    options: Options,
    source_options: SourceOptions,
    keep: Keep,
    stated: Mapping[str, Any],
) -> Run | None:
    """Show a source until the window is closed; returns the first run, if one began.

    stated: the options that were given. Raises what can be refused at once, and what the player ended with.
    """
    refuse_at_once(source, options)
    from realtime.ui.app import run_window
    from realtime.ui.priority import make_way

    workshop = RealWorkshop(source_options, keep, stated)
    player = Player(Wish(source, options), workshop, told=_Announcer(source is None))
    run_window(player, "realtime-pose3d", started=make_way)
    if player.error is not None:
        raise as_pose_error("the player failed", player.error)
    return player.first


def refuse_at_once(source: str | None, options: Options) -> None:
    """Raise what is wrong with the user's words before a window opens: a PoseError."""
    choose(options.engine)
    choose_lag(catalogue.lifter(options.lifter), options.lag)
    if source is None or source == SAMPLE or "://" in source or re.match(r"\d+$|pipe:", source):
        return
    if not Path(source).exists():
        raise SourceError(f"cannot open {source}: No such file or directory")


class _Announcer:
    """Says which source was found where none was named."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def __call__(self, state: State) -> None:
        if self._wanted and state.phase is Phase.LOADING and state.source is not None:
            self._wanted = False
            found = "the sample clip (no camera found)" if state.is_sample else state.source.name
            click.echo(f"source: {found}")
