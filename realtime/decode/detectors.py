"""Person detectors that give boxes: YOLOX, YOLOv8 and its kin, RTMDet, SSD.

Inside, boxes are x0, y0, x1, y1 in pixels of the network's input, edge to edge.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from realtime.decode.geometry import sigmoid, suppress
from realtime.decode.reading import (
    Around,
    Outputs,
    Tensors,
    check_choice,
    check_share,
    options_of,
    square_around,
)
from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.preprocess import UnitMap
from realtime.types import Array, Boxes, FloatArray

_MOST = 300
"""Candidates that go into suppression; more of them are one crowd seen many times over."""

_STRIDES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """person: the class to keep. min_score: of a box. max_iou: overlap of two people's boxes."""

    person: int = 0
    min_score: float = 0.5
    max_iou: float = 0.45

    def __post_init__(self) -> None:
        check_share("min_score", self.min_score)
        check_share("max_iou", self.max_iou)
        if self.person < 0:
            raise ValueError(f"option 'person' counts classes from 0: {self.person} is none")


class BoxDetector(abc.ABC):
    """A detector whose subclass tells candidate boxes and their scores."""

    def __init__(self, manifest: Manifest, options: DetectorOptions) -> None:
        assert manifest.image is not None
        self._name = manifest.name
        self._size_px = np.array([manifest.image.width, manifest.image.height], np.float32)
        self._common = options

    @abc.abstractmethod
    def candidates(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """Boxes (N, 4) in input pixels, and how sure each is of a person (N,)."""

    def boxes(self, outputs: Outputs, unit_map: UnitMap, around: Around = square_around) -> Boxes:
        """People in the image, best first."""
        boxes, score = self.candidates(outputs)
        chosen = np.flatnonzero(score >= self._common.min_score)
        chosen = chosen[np.argsort(-score[chosen], kind="stable")[:_MOST]]
        boxes, score = np.asarray(boxes[chosen], np.float32), np.asarray(score[chosen], np.float32)
        kept = suppress(boxes, score, self._common.max_iou)
        corners = boxes[kept].reshape(-1, 2, 2) / self._size_px
        boxes_px = unit_map.to_px(corners.astype(np.float32)).reshape(-1, 4)
        return Boxes(boxes_px, np.clip(score[kept], 0, 1), tuple(around(box) for box in boxes_px))

    def person_column(self, table: Array, first: int) -> FloatArray:
        """The scores (N,) of the class kept, in a table (N, first + classes)."""
        column = first + self._common.person
        if column >= table.shape[1]:
            raise ManifestError(
                f"{self._name} tells {max(table.shape[1] - first, 0)} classes apart, so class "
                f"{self._common.person} is none of them: mend option 'person' in its manifest"
            )
        return np.asarray(table[:, column], np.float32)


def _grid(size_px: FloatArray, stride: int) -> FloatArray:
    """(cells, 2) x and y of each cell of a level, in cells, row by row."""
    columns, rows = (int(np.ceil(n / stride)) for n in size_px)
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def _from_centres(table: Array) -> FloatArray:
    """Corners (N, 4) of boxes given as centre and size."""
    centre, half = table[:, :2], table[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class YoloxOptions(DetectorOptions):
    """decoded: whether the export has turned the offsets into pixels (`--decode_in_inference`)."""

    decoded: bool = False


class Yolox(BoxDetector):
    """Output `output` (1, N, 5 + classes): centre, size, objectness, class probabilities.

    Raw, a centre is an offset from its cell's corner and a size a logarithm, both in strides of 8, 16 and
    32 pixels. Source: Ge et al., YOLOX (2021), section 2; Megvii-BaseDetection/YOLOX, `demo_utils.py`.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._options = options_of(manifest, YoloxOptions)
        super().__init__(manifest, self._options)
        self._tensors = Tensors(manifest, ("output",))
        grids = [_grid(self._size_px, stride) for stride in _STRIDES]
        self._cells = np.concatenate(grids)
        counts = [len(grid) for grid in grids]
        self._strides = np.repeat(np.array(_STRIDES, np.float32), counts)[:, None]

    def candidates(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """Every cell's box, scored by objectness times class."""
        table = np.asarray(self._tensors.get(outputs, "output")[0], np.float32)
        score = table[:, 4] * self.person_column(table, 5)
        chosen = np.flatnonzero(score >= self._options.min_score)
        table, score = table[chosen], score[chosen]
        if self._options.decoded:
            return _from_centres(table), score
        if len(self._tensors.get(outputs, "output")[0]) != len(self._cells):
            raise ManifestError(
                f"{self._name} gives {len(self._tensors.get(outputs, 'output')[0])} boxes where an input of "
                f"its size has {len(self._cells)} cells: set option 'decoded', or mend the image section"
            )
        strides = self._strides[chosen]
        centre = (table[:, :2] + self._cells[chosen]) * strides
        return _from_centres(np.concatenate([centre, np.exp(table[:, 2:4]) * strides], axis=1)), score


class YoloV8(BoxDetector):
    """Output `output` (1, 4 + classes, N) or (1, N, 4 + classes): centre, size in pixels, class
    probabilities; no objectness. The longer side is taken for N.

    A pose net's (1, 4 + 1 + 51, N) serves as a person detector: its keypoints follow the one class.
    Source: the interface of Ultralytics' YOLOv8 to 11 exports (their documentation, "Export").
    """

    def __init__(self, manifest: Manifest) -> None:
        options = options_of(manifest, DetectorOptions)
        super().__init__(manifest, options)
        self._tensors = Tensors(manifest, ("output",))

    def candidates(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """Every box with its class's probability."""
        table = np.asarray(self._tensors.get(outputs, "output")[0], np.float32)
        if table.shape[0] < table.shape[1]:
            table = table.T
        score = self.person_column(table, 4)
        chosen = np.flatnonzero(score >= self._common.min_score)
        return _from_centres(table[chosen]), score[chosen]


class RtmdetRaw(BoxDetector):
    """RTMDet's head as it is: outputs `cls_8`, `cls_16`, `cls_32` (1, classes, H, W), logits, and
    `reg_8`, `reg_16`, `reg_32` (1, 4, H, W), distances left, up, right, down in input pixels from the
    cell's corner at (column, row) times the stride.

    Source: Lyu et al., RTMDet (2022), section 3; open-mmlab/mmdetection, `rtmdet_head.py`, whose points
    have offset 0.
    """

    def __init__(self, manifest: Manifest) -> None:
        options = options_of(manifest, DetectorOptions)
        super().__init__(manifest, options)
        self._tensors = Tensors(manifest, tuple(f"{kind}_{n}" for kind in ("cls", "reg") for n in _STRIDES))

    def candidates(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """Every cell of every level."""
        boxes, scores = [], []
        for stride in _STRIDES:
            logits = self._tensors.get(outputs, f"cls_{stride}")[0]
            reach = self._tensors.get(outputs, f"reg_{stride}")[0].reshape(4, -1).T
            corner = _grid(self._size_px, stride) * stride
            if len(corner) != len(reach):
                raise ManifestError(
                    f"{self._name} gives {len(reach)} cells at stride {stride} where an input of its size "
                    f"has {len(corner)}: mend the image section or `tensors`"
                )
            boxes.append(np.concatenate([corner - reach[:, :2], corner + reach[:, 2:]], axis=1))
            scores.append(sigmoid(self.person_column(logits.reshape(len(logits), -1).T, 0)))
        return np.concatenate(boxes), np.concatenate(scores)


@dataclass(frozen=True, slots=True)
class BoxesOptions(DetectorOptions):
    """order: `xyxy` corners, `yxyx` corners, `cxcywh` centre and size. units: `px` of the input, `unit`."""

    order: str = "xyxy"
    units: str = "px"

    def __post_init__(self) -> None:
        DetectorOptions.__post_init__(self)
        check_choice("order", self.order, ("xyxy", "yxyx", "cxcywh"))
        check_choice("units", self.units, ("px", "unit"))


class PlainBoxes(BoxDetector):
    """Boxes that need no decoding, with or without suppression inside: SSD, RTMDet, Faster R-CNN, DETRs.

    Output `boxes` (1, N, 4) or (N, 4); `scores` (1, N) or, for every class, (1, N, classes); `labels`
    (1, N), the class of each box, where there is one score a box. Without `scores`, `boxes` has a fifth
    column for it and perhaps a sixth for the class: `dets` (1, N, 5) and `labels` of mmdeploy's exports,
    (1, N, 6) of YOLOs that suppress by themselves. Background counts as a class where the net has it.
    Sources: Liu et al., SSD (2016); torchvision's and TensorFlow's detection interfaces; open-mmlab/mmdeploy.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._options = options_of(manifest, BoxesOptions)
        super().__init__(manifest, self._options)
        self._tensors = Tensors(manifest, ("boxes",), ("scores", "labels"))

    def candidates(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The boxes of people."""
        raw = self._tensors.get(outputs, "boxes")
        table = np.asarray(raw.reshape(-1, raw.shape[-1]), np.float32)
        boxes = _from_centres(table) if self._options.order == "cxcywh" else table[:, :4]
        if self._options.order == "yxyx":
            boxes = boxes[:, [1, 0, 3, 2]]
        if self._options.units == "unit":
            boxes = boxes * np.tile(self._size_px, 2)
        return boxes, self._scores(outputs, table)

    def _scores(self, outputs: Outputs, table: FloatArray) -> FloatArray:
        """(N,) each box's score for a person; 0 for what is something else."""
        if "scores" in self._tensors:
            scores = np.asarray(self._tensors.get(outputs, "scores"), np.float32)
            if scores.size != len(table) or ("labels" not in self._tensors and scores.shape[-1] == 1):
                return self.person_column(scores.reshape(len(table), -1) if len(table) else scores[0], 0)
            score = scores.reshape(-1)
        elif table.shape[1] >= 5:
            score = table[:, 4]
        else:
            raise ManifestError(
                f"{self._name} gives no scores: name the output that has them under `tensors`, as `scores`"
            )
        if "labels" in self._tensors:
            labels = self._tensors.get(outputs, "labels").reshape(-1)
        elif table.shape[1] >= 6:
            labels = table[:, 5]
        else:
            return score
        return np.where(np.rint(labels) == self._options.person, score, 0).astype(np.float32)
