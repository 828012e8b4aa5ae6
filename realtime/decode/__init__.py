"""From network outputs to boxes and keypoints: anchors, suppression, heatmaps. The only place.

Each decoder is named by a manifest's `decoder`. Unit coordinates run from 0 to 1 across the network's
input; `realtime.preprocess.UnitMap` takes them to pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from realtime.decode.blazepose import BlazePoseDetector, BlazePoseLandmark
from realtime.decode.detectors import PlainBoxes, RtmdetRaw, YoloV8, Yolox
from realtime.decode.geometry import follow_box, iou, region_of_box, sigmoid, upright_region, weighted_nms
from realtime.decode.integral import Integral
from realtime.decode.reading import Around, DetectorDecoder, EstimatorDecoder, Outputs, square_around
from realtime.decode.topdown import Heatmap, Regression, SimCC, TopDown
from realtime.errors import ManifestError
from realtime.manifest import Manifest

__all__ = [
    "DETECTORS",
    "ESTIMATORS",
    "Around",
    "BlazePoseDetector",
    "BlazePoseLandmark",
    "DetectorDecoder",
    "EstimatorDecoder",
    "Heatmap",
    "Integral",
    "Outputs",
    "PlainBoxes",
    "Regression",
    "RtmdetRaw",
    "SimCC",
    "TopDown",
    "YoloV8",
    "Yolox",
    "detector_decoder",
    "estimator_decoder",
    "follow_box",
    "iou",
    "region_of_box",
    "sigmoid",
    "square_around",
    "upright_region",
    "weighted_nms",
]

DETECTORS: Mapping[str, Callable[[Manifest], DetectorDecoder]] = {
    "blazepose-detector": lambda manifest: BlazePoseDetector(),
    "boxes": PlainBoxes,
    "rtmdet-raw": RtmdetRaw,
    "yolov8": YoloV8,
    "yolox": Yolox,
}
"""Decoders of person detectors, by name."""

ESTIMATORS: Mapping[str, Callable[[Manifest], EstimatorDecoder]] = {
    "blazepose-landmark": lambda manifest: BlazePoseLandmark(),
    "heatmap": Heatmap,
    "integral": Integral,
    "regression": Regression,
    "simcc": SimCC,
}
"""Decoders of 2D keypoint nets, by name."""


def detector_decoder(manifest: Manifest) -> DetectorDecoder:
    """The decoder a detector's manifest names. Raises ManifestError when there is none of that name."""
    if manifest.decoder not in DETECTORS:
        raise ManifestError(_unknown(manifest, "detector", DETECTORS))
    return DETECTORS[manifest.decoder](manifest)


def estimator_decoder(manifest: Manifest) -> EstimatorDecoder:
    """The decoder an estimator's manifest names. Raises ManifestError when there is none of that name."""
    if manifest.decoder not in ESTIMATORS:
        raise ManifestError(_unknown(manifest, "estimator", ESTIMATORS))
    return ESTIMATORS[manifest.decoder](manifest)


def _unknown(manifest: Manifest, role: str, known: Mapping[str, object]) -> str:
    return f"{manifest.name}: unknown {role} decoder {manifest.decoder!r}; known: {', '.join(known)}"
