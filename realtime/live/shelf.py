"""Networks kept loaded between pipelines, so that a change of anything else does not load them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from realtime.engines.base import StatefulEngine
from realtime.engines.open import Choice
from realtime.live.state import Progress
from realtime.manifest import Manifest
from realtime.stream.assemble import Model, load_model

Tell = Callable[[Progress], None]

_ROLES = {"detector": "person detector", "estimator": "2D pose network", "lifter": "3D lifter"}
_NETS = 3


@dataclass(frozen=True, slots=True)
class _Key:
    """What makes two loaded networks the same."""

    path: str
    sha256: str
    choice: Choice


class Shelf:
    """Loads networks for `assemble`, telling how far it is, and keeps them when a pipeline frees them.

    It serves one pipeline at a time. A net that keeps people's state by itself forgets it between two: the
    people of the next pipeline are others. `load` loads one; a test gives its own.
    """

    def __init__(self, tell: Tell, load: Callable[[Manifest, Choice], Model] = load_model) -> None:
        self._tell = tell
        self._load = load
        self._kept: dict[_Key, Model] = {}
        self._lent: dict[int, _Key] = {}
        self._loaded = 0

    def begin(self) -> None:
        """Another pipeline is put together: progress counts from the first network again."""
        self._loaded = 0

    def say(self, words: str) -> None:
        """Pass on what a download says of itself."""
        self._tell(download_progress(words))

    def load(self, manifest: Manifest, choice: Choice) -> Model:
        """A network from the shelf, else loaded now."""
        key = _Key(str(manifest.path), manifest.sha256, choice)
        model = self._kept.pop(key, None)
        if model is None:
            what = _ROLES.get(manifest.role, manifest.role)
            gpu = choice.startswith("tensorrt")
            title = "Building the engines (only this once)" if gpu else "Loading the networks"
            self._tell(Progress(title, f"{what}: {manifest.name}", self._loaded / _NETS))
            model = self._load(manifest, choice)
        self._loaded += 1
        self._lent[id(model)] = key
        return model

    def free(self, models: Sequence[Model]) -> None:
        """Take networks back from a pipeline that ended."""
        for model in models:
            key = self._lent.pop(id(model), None)
            if key is None:
                model.engine.close()
                continue
            if isinstance(model.engine, StatefulEngine):
                model.engine.forget_everyone()
            self._kept[key] = model

    def forget(self) -> None:
        """Lent networks are not wanted back: whoever has them hangs."""
        self._lent.clear()

    def trim(self) -> None:
        """Free what the running pipeline does not use."""
        self.close()

    def close(self) -> None:
        """Free all that is on the shelf."""
        for model in self._kept.values():
            model.engine.close()
        self._kept.clear()


def download_progress(words: str) -> Progress:
    """A progress bar's line, such as ` 42%|####  | 15.1M/35.6M`, as progress."""
    words = words.strip()
    head, percent, _ = words.partition("%")
    number = head.rsplit(maxsplit=1)[-1] if head.split() else ""
    done = int(number) / 100 if percent and number.isdigit() else None
    detail = words.rsplit("|", maxsplit=1)[-1].strip() if percent else words
    return Progress("Downloading the networks (only this once)", detail, done)
