"""2D nets that look at one person's crop: SimCC, heatmaps, and coordinates given directly.

Positions in a network's input are of two kinds. An *index* counts from the centre of the first pixel, as
training code that warps with `cv2.warpAffine` has it; a *unit* coordinate runs from edge to edge. With W
pixels, `unit = (index + 0.5) / W`.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import cv2
import numpy as np

from realtime.decode.geometry import follow_box, region_of_box, sigmoid
from realtime.decode.reading import USUAL_PADDING, Outputs, Tensors, check_choice, check_share, options_of
from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.preprocess import UnitMap
from realtime.skeleton import SKELETONS
from realtime.types import FloatArray, Keypoints2D, Region


@dataclass(frozen=True, slots=True)
class TopDownOptions:
    """padding: how much larger than a person's box the crop is. min_score: of a joint to be followed.

    follow_padding: how much larger than the box round the joints the next crop is, which is smaller than the
    person's; 0 for the same as `padding`.
    score_gain, score_bias: make a probability of what the net gives for a score, as the logistic function of
    `score_gain * score + score_bias`; with a gain of 0 the net's own is taken. Source: Platt (1999).
    """

    padding: float = USUAL_PADDING
    min_score: float = 0.3
    score_gain: float = 0.0
    score_bias: float = 0.0
    follow_padding: float = 0.0

    def __post_init__(self) -> None:
        check_share("min_score", self.min_score)
        if self.padding < 1.0:
            raise ValueError(f"option 'padding' must be at least 1, not {self.padding}")
        if self.follow_padding and self.follow_padding < 1.0:
            raise ValueError(f"option 'follow_padding' must be 0 or at least 1, not {self.follow_padding}")
        if self.score_gain < 0.0:
            raise ValueError(f"option 'score_gain' must not be negative, but is {self.score_gain}")


class TopDown(abc.ABC):
    """A 2D net that gives each joint a place in the crop and a score; the subclass says how.

    The person counts as present to the degree of their better half of joints.
    """

    vital: tuple[str, ...] = ()

    def __init__(self, manifest: Manifest, options: TopDownOptions) -> None:
        assert manifest.image is not None
        self._name = manifest.name
        self._size_px = np.array([manifest.image.width, manifest.image.height], np.float32)
        self._aspect = manifest.image.aspect
        self._skeleton = SKELETONS[manifest.skeleton]
        self._padding = options.padding
        self._follow_padding = options.follow_padding or options.padding
        self._min_score = options.min_score
        self._gain, self._bias = options.score_gain, options.score_bias

    @abc.abstractmethod
    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """Unit coordinates (J, 2) and the net's own scores (J,)."""

    def depth_px(self, outputs: Outputs, points_px: FloatArray, score: FloatArray) -> FloatArray:
        """Depth (J,) as `Keypoints2D` has it; NaN from nets that give none.

        points_px: (J, 2) where the joints are in the image. score: (J,).
        """
        return np.full(len(score), np.nan, np.float32)

    def around(self, box_px: FloatArray) -> Region:
        """The region for a person's box."""
        return region_of_box(box_px, self._aspect, self._padding)

    def keypoints(self, outputs: Outputs, region: Region) -> tuple[Keypoints2D, Region]:
        """The joints in image pixels, and the region for the next frame."""
        unit, score = self.unit(outputs)
        if len(score) != len(self._skeleton):
            raise ManifestError(
                f"{self._name} gives {len(score)} joints, but its skeleton {self._skeleton.name} has "
                f"{len(self._skeleton)}: name another skeleton in its manifest"
            )
        if self._gain:
            score = sigmoid(self._gain * score + self._bias)
        score = np.clip(score, 0, 1).astype(np.float32)
        points_px = UnitMap.of_region(region, self._aspect).to_px(unit)
        presence = float(np.median(np.sort(score)[len(score) // 2 :]))
        depth_px = self.depth_px(outputs, points_px, score)
        following = follow_box(points_px, score, self._aspect, region, self._follow_padding, self._min_score)
        return Keypoints2D(points_px, score, depth_px, presence), following


class SimCC(TopDown):
    """Two one-dimensional distributions a joint: outputs `simcc_x` (1, J, A) and `simcc_y` (1, J, B).

    A and B are the input's width and height times the split ratio (2 for RTMPose); bin b stands for the
    index b / ratio. The less sure of the two directions is the score.
    Source: Li et al., SimCC (2022), section 3; Jiang et al., RTMPose (2023); open-mmlab/mmpose,
    `codecs/simcc_label.py`.
    """

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest, options_of(manifest, TopDownOptions))
        self._tensors = Tensors(manifest, ("simcc_x", "simcc_y"))

    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The highest bin in each direction."""
        axes = [self._tensors.get(outputs, name)[0] for name in ("simcc_x", "simcc_y")]
        bins = np.array([axis.shape[1] for axis in axes], np.float32)
        best = np.stack([axis.argmax(axis=1) for axis in axes], axis=1)
        score = np.minimum(*(axis.max(axis=1) for axis in axes))
        return (best / bins + 0.5 / self._size_px).astype(np.float32), score.astype(np.float32)


@dataclass(frozen=True, slots=True)
class HeatmapOptions(TopDownOptions):
    """subpixel: `quarter`, a quarter cell towards the higher neighbour; `dark`, the top of the parabola
    through the logarithm of the smoothed map; `none`, the cell itself.

    udp: whether the net was trained with unbiased data processing, where the first and last cells lie on
    the first and last pixels; otherwise cell j lies on pixel j times the stride. centred: whether instead it
    lies in the middle of the pixels it covers, as this project's own nets are trained.
    blur_cells: width of the smoothing for `dark`, that of the training's Gaussian (11 for sigma 2).
    """

    subpixel: str = "quarter"
    udp: bool = False
    centred: bool = False
    blur_cells: int = 11

    def __post_init__(self) -> None:
        TopDownOptions.__post_init__(self)
        check_choice("subpixel", self.subpixel, ("quarter", "dark", "none"))
        if self.udp and self.centred:
            raise ValueError("options 'udp' and 'centred' exclude each other: a net is trained with one")
        if self.blur_cells < 1 or self.blur_cells % 2 == 0:
            raise ValueError(f"option 'blur_cells' must be odd and positive, not {self.blur_cells}")


class Heatmap(TopDown):
    """One map a joint: output `heatmap` (1, J, H, W), usually a quarter of the input's size.

    Sources: Newell et al., Stacked Hourglass (2016), section 4.1 (`quarter`); Xiao et al., Simple
    Baselines (2018) and Sun et al., HRNet (2019), whose code fixes the stride convention; Zhang et al.,
    DARK (2020), section 3.2 (`dark`); Huang et al., UDP (2020), section 3 (`udp`), which ViTPose uses.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._options = options_of(manifest, HeatmapOptions)
        super().__init__(manifest, self._options)
        self._tensors = Tensors(manifest, ("heatmap",))

    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The peaks and their heights."""
        maps = self._tensors.get(outputs, "heatmap")[0]
        joints, height, width = maps.shape
        flat = maps.reshape(joints, -1)
        best = flat.argmax(axis=1)
        cells = np.stack([best % width, best // width], axis=1)
        if self._options.subpixel == "quarter":
            places = cells + 0.25 * np.sign(_slopes(maps, cells))
        elif self._options.subpixel == "dark":
            places = cells + _parabola_top(_log_smooth(maps, self._options.blur_cells), cells)
        else:
            places = cells.astype(np.float32)
        grid, peak = np.array([width, height], np.float32), flat.max(axis=1).astype(np.float32)
        if self._options.centred:
            return ((places + 0.5) / grid).astype(np.float32), peak
        index = places * ((self._size_px - 1) / (grid - 1) if self._options.udp else self._size_px / grid)
        return ((index + 0.5) / self._size_px).astype(np.float32), peak


def _slopes(maps: FloatArray, cells: FloatArray) -> FloatArray:
    """(J, 2) half the difference of the neighbours in x and in y; 0 beside the rim."""
    joints, height, width = maps.shape
    every, (x, y) = np.arange(joints), cells.T
    across = maps[every, y, np.minimum(x + 1, width - 1)] - maps[every, y, np.maximum(x - 1, 0)]
    down = maps[every, np.minimum(y + 1, height - 1), x] - maps[every, np.maximum(y - 1, 0), x]
    at_rim = np.stack([(x == 0) | (x == width - 1), (y == 0) | (y == height - 1)], axis=1)
    return np.where(at_rim, 0, 0.5 * np.stack([across, down], axis=1)).astype(np.float32)


def _log_smooth(maps: FloatArray, blur_cells: int) -> FloatArray:
    """(J, H, W) the logarithm of maps made to look like the Gaussians the net was trained on."""
    smooth = np.stack(
        [
            cv2.GaussianBlur(m, (blur_cells, blur_cells), 0, borderType=cv2.BORDER_CONSTANT)
            for m in np.asarray(maps, np.float32)
        ]
    )
    return np.asarray(np.log(np.maximum(smooth, 1e-10)), np.float32)


def _parabola_top(log_maps: FloatArray, cells: FloatArray) -> FloatArray:
    """(J, 2) Newton's step from each peak; 0 near the rim and where the map is no hill."""
    joints, height, width = log_maps.shape
    every, (x, y) = np.arange(joints), cells.T
    inner = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    x, y = np.clip(x, 2, width - 3), np.clip(y, 2, height - 3)

    def at(dx: int, dy: int) -> FloatArray:
        return np.asarray(log_maps[every, y + dy, x + dx], np.float64)

    gradient = 0.5 * np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=1)
    xx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    yy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    xy = 0.25 * (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1))
    determinant = xx * yy - xy * xy
    hill = inner & (determinant > 1e-12) & (xx < 0)
    safe = np.where(hill, determinant, 1.0)
    across = (xy * gradient[:, 1] - yy * gradient[:, 0]) / safe
    down = (xy * gradient[:, 0] - xx * gradient[:, 1]) / safe
    step = np.stack([across, down], axis=1)
    return np.where(hill[:, None], np.clip(step, -1, 1), 0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class RegressionOptions(TopDownOptions):
    """order: `yx` or `xy`. units: `unit`, 0 to 1 across the input, or `px`, its pixels."""

    order: str = "xy"
    units: str = "unit"

    def __post_init__(self) -> None:
        TopDownOptions.__post_init__(self)
        check_choice("order", self.order, ("xy", "yx"))
        check_choice("units", self.units, ("unit", "px"))


class Regression(TopDown):
    """Coordinates given directly: output `keypoints` (..., J, 2 or 3), x and y and perhaps a score.

    Without a third column the scores are an output `scores` (..., J). MoveNet's one output is
    (1, 1, 17, 3), y, x, score, all 0 to 1. Source: MoveNet's model card (2021).
    """

    def __init__(self, manifest: Manifest) -> None:
        self._options = options_of(manifest, RegressionOptions)
        super().__init__(manifest, self._options)
        self._tensors = Tensors(manifest, ("keypoints",), ("scores",))

    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The coordinates as the net gives them."""
        raw = self._tensors.get(outputs, "keypoints")
        table = np.asarray(raw.reshape(-1, raw.shape[-1]), np.float32)
        if "scores" in self._tensors:
            score = np.asarray(self._tensors.get(outputs, "scores").reshape(-1), np.float32)
        elif table.shape[1] >= 3:
            score = table[:, 2]
        else:
            raise ManifestError(
                f"{self._name} gives no scores: name the output that has them under `tensors`, as `scores`"
            )
        places = table[:, 1::-1] if self._options.order == "yx" else table[:, :2]
        return places / self._size_px if self._options.units == "px" else places, score
