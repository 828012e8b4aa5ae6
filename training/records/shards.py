"""Records of many clips on disk: shards made in parallel, resumed after any end, the same bytes each time.

OUT/records.json        what they are and all that decided them
OUT/records-00000.json  counts of the shard
OUT/records-00000.npz   its records, written last: a shard without it is not there
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from realtime.errors import UsageError
from training.dataset.dataset import MakerFactory
from training.dataset.jobs import Counts, Jobs, run_jobs
from training.dataset.resumable import library_versions, remove, resumed, whole
from training.records.observe import Nets, Tally, observe
from training.records.store import Records, joined

VERSION = 1
_HEADER = "records.json"


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """How many shards of how many clips each, of which seed."""

    shards: int
    seed: int
    clips_a_shard: int = 8

    def __post_init__(self) -> None:
        if min(self.shards, self.clips_a_shard) < 1 or self.seed < 0:
            raise UsageError("ask for at least one shard of at least one clip, of seed 0 or more")


@dataclass(frozen=True, slots=True)
class ShardFactory:
    """Makes, in the process that is to work, what renders and observes. open_nets: picklable."""

    maker: MakerFactory
    open_nets: Callable[[], Nets]
    out: Path
    settings: RecordSettings

    def __call__(self) -> _ShardWriter:
        return _ShardWriter(self)


@dataclass(slots=True)
class RecordRun:
    """What a run did: tally of all shards there are, and frames and times of those made now."""

    tally: Tally = field(default_factory=Tally)
    frames: int = 0
    render_ns: int = 0
    nets_ns: int = 0


def write_records(
    factory: ShardFactory,
    description: Mapping[str, Any],
    processes: int = 1,
    progress: Callable[[int], None] = lambda frames: None,
) -> RecordRun:
    """Make the shards that are not there yet in the factory's folder.

    description: what decides the clips and what the nets say of them, for the header. progress: told the
    frames of each clip. Raises UsageError for a folder that is something else or was made with other
    settings, RecordError when it cannot be written.
    """
    out, settings = factory.out, factory.settings
    header = {
        "version": VERSION,
        **asdict(settings),
        "libraries": library_versions(
            "moderngl", "numpy", "onnxruntime", "opencv-python-headless", "openvino", "scipy"
        ),
        "description": dict(description),
    }
    run = RecordRun()

    def report(number: int, counts: Counts) -> None:
        frames, render_ns, nets_ns = counts
        run.frames += frames
        run.render_ns += render_ns
        run.nets_ns += nets_ns
        progress(frames)

    with resumed(out / _HEADER, header, "shards"):
        missing = [number for number in range(settings.shards) if not _is_whole(out, number)]
        for number in missing:
            remove(_records_path(out, number))
        run_jobs(Jobs(factory, missing, "shard"), processes, report)
        for number in range(settings.shards):
            run.tally.add(_read_tally(_tally_path(out, number)))
    return run


def missing_shards(out: Path, settings: RecordSettings) -> int:
    """How many shards are still to be made."""
    return sum(not _is_whole(out, number) for number in range(settings.shards))


def _is_whole(out: Path, number: int) -> bool:
    return _records_path(out, number).exists() and _tally_path(out, number).exists()


def _records_path(out: Path, number: int) -> Path:
    return out / f"records-{number:05d}.npz"


def _tally_path(out: Path, number: int) -> Path:
    return out / f"records-{number:05d}.json"


def _read_tally(path: Path) -> Tally:
    try:
        return Tally(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is damaged ({error}): delete it and run the same command again") from error


class _ShardWriter:
    """Renders clips and keeps what the nets say of them."""

    def __init__(self, factory: ShardFactory) -> None:
        self._out, self._settings = factory.out, factory.settings
        self._nets = factory.open_nets()
        self._maker = factory.maker()

    def run(self, number: int) -> Iterator[Counts]:
        """Make one shard; yields the frames of each clip and the time its rendering and the nets took."""
        records: list[Records] = []
        tally = Tally()
        first = number * self._settings.clips_a_shard
        for clip in range(first, first + self._settings.clips_a_shard):
            observed = observe(self._maker.clip(self._settings.seed, clip), self._nets)
            records.append(observed.records)
            tally.add(observed.tally)
            yield observed.tally.frames, observed.render_ns, observed.nets_ns
        with whole(_tally_path(self._out, number)) as part:
            part.write_text(json.dumps(tally.as_dict()) + "\n", encoding="utf-8")
        with whole(_records_path(self._out, number)) as part:
            joined(records).save(part)

    def close(self) -> None:
        """Free the nets and what the maker holds."""
        self._nets.close()
        self._maker.close()
