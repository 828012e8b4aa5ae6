"""The image networks as the tracker uses them: one finds people in a frame, one their joints in a region."""

from __future__ import annotations

import numpy as np

from realtime.decode import Around, detector_decoder, estimator_decoder, square_around
from realtime.engines.base import Engine
from realtime.errors import ManifestError
from realtime.finite import FiniteCheck
from realtime.manifest import Manifest
from realtime.preprocess import UnitMap, feeder
from realtime.skeleton import SKELETONS, joint_map
from realtime.types import Boxes, FloatArray, Frame, Keypoints2D, Region


class Detector:
    """A person detector: manifest, engine, and the code that feeds and reads it.

    finite: counts the runs that gave NaN. Raises ManifestError when the manifest does not fit the engine's
    network.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        assert manifest.image is not None
        _check_fits(manifest, engine)
        self.finite = FiniteCheck(manifest.name)
        self._engine = engine
        self._aspect = manifest.image.aspect
        self._feeder = feeder(manifest.image)
        self._decoder = detector_decoder(manifest)

    def detect(self, frame: Frame, around: Around = square_around, window: Region | None = None) -> Boxes:
        """People in a frame, best first, in its pixels; nobody where the net gives NaN.

        around: makes regions where the net gives boxes alone. window: the part to look at, all if None.
        """
        if window is None:
            feeds, unit_map = self._feeder.whole(frame)
        else:
            unit_map = UnitMap.of_region(window, self._aspect)
            feeds = self._feeder.crop(frame, unit_map)
        outputs = self._engine.infer(feeds)
        if not self.finite.passes(outputs.values()):
            return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
        return self._decoder.boxes(outputs, unit_map, around)


class Estimator:
    """A 2D keypoint net: manifest, engine, and the code that feeds and reads it.

    joint_map: from its joints to the 17. finite: counts the runs that gave NaN. Raises ManifestError when
    the manifest does not fit the engine's network.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        assert manifest.image is not None
        _check_fits(manifest, engine)
        self.joint_map = joint_map(manifest.skeleton)
        self.finite = FiniteCheck(manifest.name)
        self._joints = len(SKELETONS[manifest.skeleton])
        self._engine = engine
        self._aspect = manifest.image.aspect
        self._feeder = feeder(manifest.image)
        self._decoder = estimator_decoder(manifest)

    def around(self, box_px: FloatArray) -> Region:
        """The region to look at for a person whose box is all that is known."""
        return self._decoder.around(box_px)

    def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
        """The joints of the person in a region, and the region to look at in the next frame.

        Where the net gives NaN the presence is 0, as where there is nobody.
        """
        feeds = self._feeder.crop(frame, UnitMap.of_region(region, self._aspect))
        outputs = self._engine.infer(feeds)
        vital = self._decoder.vital or tuple(outputs)
        if not self.finite.passes([outputs[name] for name in vital]):
            unseen = np.zeros(self._joints, np.float32)
            return Keypoints2D(np.zeros((self._joints, 2), np.float32), unseen, unseen, 0.0), region
        return self._decoder.keypoints(outputs, region)


def _check_fits(manifest: Manifest, engine: Engine) -> None:
    """Raise ManifestError where the manifest names tensors, shapes or types the network does not have."""
    for side, stated, specs in (
        ("input", manifest.inputs, engine.inputs),
        ("output", manifest.outputs, engine.outputs),
    ):
        for name, info in stated.items():
            if name not in specs:
                raise ManifestError(
                    f"{manifest.name}: the network has no {side} {name!r}, only {', '.join(specs)}: "
                    "mend its manifest"
                )
            spec = specs[name]
            fits = len(spec.shape) == len(info.shape) and all(
                b is None or a in (-1, b) for a, b in zip(info.shape, spec.shape, strict=True)
            )
            if not fits or (side == "input" and spec.dtype != info.dtype):
                raise ManifestError(
                    f"{manifest.name}: {side} {name!r} is {spec} in the network, not {info.dtype} "
                    f"{info.shape}: mend its manifest"
                )
    if missing := engine.inputs.keys() - manifest.inputs.keys():
        raise ManifestError(
            f"{manifest.name}: nothing feeds the network's input {', '.join(sorted(missing))}"
        )
