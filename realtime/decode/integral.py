"""Nets that give joints in 3D from one crop: places in the image, and metres behind the pelvis."""

from __future__ import annotations

import numpy as np

from realtime.bones import CHILD, PARENT
from realtime.decode.reading import Outputs, Tensors, options_of
from realtime.decode.topdown import TopDown, TopDownOptions
from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.types import FloatArray

_LENGTH_M = np.array(
    [0.09, 0.408, 0.436, 0.09, 0.408, 0.436, 0.322, 0.133, 0.176, 0.099,
     0.192, 0.286, 0.188, 0.192, 0.286, 0.188], np.float32,
)  # fmt: skip
"""(16,) the bones of `H36M17` in the mean of the nine bodies of the training motion, both sides alike."""
_LEAST_ACROSS = 0.3
"""What is taken to be seen of a bone at least, as a share of its length: one that points at the camera tells
nothing of the scale but its depth's error."""
_LEAST_WEIGHT = 1e-3


class Integral(TopDown):
    """Output `joints` (1, J, 4): u, v across the input, edge to edge, metres behind the pelvis, a score.

    Without depth (1, J, 3). With depth the joints are those of `h36m-17`.

    `Keypoints2D.depth_px` is to be in pixels of the image at the person's scale, as BlazePose gives it: the
    lifter divides it by the focal length and so has metres of depth a metre of distance. The net tells metres
    and not how many pixels a metre is where the person stands, so that is read off the skeleton: see
    `px_per_m`.
    Source: Sun et al., Integral Human Pose Regression (2018), section 3.
    """

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest, options_of(manifest, TopDownOptions))
        self._tensors = Tensors(manifest, ("joints",))
        own = self._tensors.info(manifest, "joints")
        if own.shape[-1] not in (3, 4):
            raise ManifestError(
                f"{manifest.name}: decoder 'integral' reads joints of 3 or 4 values, not {own}"
            )
        self._deep = own.shape[-1] == 4
        if self._deep and manifest.skeleton != H36M17.name:
            raise ManifestError(
                f"{manifest.name}: joints with depth must be those of {H36M17.name}, not {manifest.skeleton}"
            )

    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The centroids as the net gives them."""
        table = np.asarray(self._tensors.get(outputs, "joints")[0], np.float32)
        return table[:, :2], table[:, -1]

    def depth_px(self, outputs: Outputs, points_px: FloatArray, score: FloatArray) -> FloatArray:
        """Metres times the pixels of a metre; NaN without depth."""
        if not self._deep:
            return super().depth_px(outputs, points_px, score)
        depth_m = np.asarray(self._tensors.get(outputs, "joints")[0, :, 2], np.float32)
        return depth_m * np.float32(px_per_m(points_px, depth_m, score))


def px_per_m(points_px: FloatArray, depth_m: FloatArray, score: FloatArray) -> float:
    """How many pixels a metre is where a person stands, told from joints (17, 2) and their depths (17,).

    A bone of length L that goes d metres in depth spans sqrt(L^2 - d^2) across the image (weak perspective).
    The bones' squares are summed, each by the lesser score (17,) of its ends, with lengths of an average
    body: so the answer is off as the person's size is off the mean, and hardly with the pose.
    """
    weight = np.minimum(score[CHILD], score[PARENT]) + np.float32(_LEAST_WEIGHT)
    across_px = points_px[CHILD] - points_px[PARENT]
    along_m = depth_m[CHILD] - depth_m[PARENT]
    seen_m2 = np.maximum(_LENGTH_M**2 - along_m**2, (_LEAST_ACROSS * _LENGTH_M) ** 2)
    return float(np.sqrt((weight @ (across_px**2).sum(axis=1)) / (weight @ seen_m2)))
