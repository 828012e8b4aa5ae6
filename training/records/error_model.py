"""How a 2D net errs, fitted to records of it, and drawn from to train lifters (AbsPoseLifter, section 4.2).

Errors are detected minus exact joint, as shares of the person's size in the image (`Records.sizes_px`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.records.depth_model import DepthModel, fit_depth, from_node
from training.records.em import WINDOW, Mixture, fit_correlation, fit_gaussian, fit_mixture
from training.records.store import Records

Kind = Literal["gt", "gaussian", "mixture", "mixture-by-visibility"]

ALL, VISIBLE, HIDDEN = "all", "visible", "hidden"
CLASSES = (ALL, VISIBLE, HIDDEN)
LEAST_SAMPLES = 100
"""A joint with fewer samples in a class of visibility takes the values of all its samples."""

_SCHEMA, _VERSION = "2D error model", 1
_JOINTS = len(H36M17)
_LEVELS = 11
_LEAST_SCORES = 20
_IN_VIEW = 3
_MOST_FRAMES = 200_000


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The errors and scores of the 17 joints in one class: all, visible, hidden (or outside the image).

    samples: (17,). gaussian: what a single Gaussian makes of them. correlation: (17,) of the Gaussian part
    from one frame to the next. scores: (2, 17, 11) quantiles 0, 0.1 .. 1 of the uniform's and of the
    Gaussian's samples, in this order.
    """

    samples: Array
    mixture: Mixture
    gaussian: Mixture
    correlation: Array
    scores: Array


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a model was fitted to. fps: the median rate of the clips, at which the correlation holds."""

    net: str
    made: str
    clips: int
    frames: int
    fps: float


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Errors by class of visibility (`CLASSES`).

    missing: of the frames with three visible joints or more, the share in which nothing was found.
    depth: of the net's own depths; None where it gives none.
    """

    behaviour: Mapping[str, Behaviour]
    missing: float
    provenance: Provenance
    depth: DepthModel | None = None

    def draw(
        self,
        rng: np.random.Generator,
        exact_px: FloatArray,
        size_px: FloatArray,
        visible: Array | None = None,
        correlated: bool = False,
        *,
        kind: Kind = "mixture",
    ) -> tuple[FloatArray, FloatArray]:
        """What the net might have seen: joints (..., T, 17, 2) and scores (..., T, 17), 0 in a missed frame.

        exact_px: (..., T, 17, 2). size_px: (..., T) as `stature_px`; rays with sizes in rays serve as well.
        visible: (..., T, 17), needed by "mixture-by-visibility" alone. correlated: the Gaussian part follows
        a first-order process in time (at the records' frame rate); uniform errors, scores and missed frames
        are drawn a frame, as in the paper. "gt" gives the exact joints with score 1.
        """
        if kind == "gt":
            return exact_px.astype(np.float32), np.ones(exact_px.shape[:-1], np.float32)
        classes, which = self._classes(kind, exact_px.shape[:-1], visible)
        joint = np.arange(_JOINTS)
        fits = [b.gaussian if kind == "gaussian" else b.mixture for b in classes]
        noise = rng.standard_normal(exact_px.shape)
        if correlated:
            _correlate(noise, np.stack([b.correlation for b in classes])[which, joint])
        mu, sigma = (np.stack([getattr(f, key) for f in fits])[which, joint] for key in ("mu", "sigma"))
        # Under "gaussian" this choice touches the scores alone: they keep their overall distribution.
        inlier = rng.random(which.shape) < np.stack([b.mixture.gamma for b in classes])[which, joint]
        error, half = mu + sigma * noise, fits[0].window / 2
        if kind != "gaussian":
            error = np.where(inlier[..., None], error, rng.uniform(-half, half, exact_px.shape))
        tables = np.stack([b.scores for b in classes])[which, inlier.astype(int), joint]
        score = _from_quantiles(tables, rng.random(which.shape))
        score *= rng.random((*which.shape[:-1], 1)) >= self.missing
        return (exact_px + error * size_px[..., None, None]).astype(np.float32), score.astype(np.float32)

    def _classes(
        self, kind: Kind, shape: tuple[int, ...], visible: Array | None
    ) -> tuple[list[Behaviour], Array]:
        """The classes drawn from, and which of them each joint is in."""
        if kind != "mixture-by-visibility":
            return [self.behaviour[ALL]], np.zeros(shape, int)
        if visible is None:
            raise UsageError("errors by visibility need to know which joints are visible")
        return [self.behaviour[HIDDEN], self.behaviour[VISIBLE]], visible.astype(int)

    def log_likelihoods(self, records: Records) -> dict[Kind, float]:
        """Mean log density of a joint's error in records, in nats, under the three models of it."""
        errors, used = shares(records)
        everyone = self.behaviour[ALL]
        by_class = [self.behaviour[key].mixture.log_density(errors) for key in (VISIBLE, HIDDEN)]
        densities: dict[Kind, Array] = {
            "gaussian": everyone.gaussian.log_density(errors),
            "mixture": everyone.mixture.log_density(errors),
            "mixture-by-visibility": np.where(records.visible.T, *by_class),
        }
        return {kind: float(density[used].mean()) for kind, density in densities.items()}

    def save(self, path: Path) -> None:
        """Write a YAML file that `load_error_model` reads. Raises UsageError when it cannot."""
        node = {
            "schema": _SCHEMA,
            "version": _VERSION,
            "provenance": asdict(self.provenance),
            "joints": list(H36M17.joints),
            "missing": _digits(self.missing),
            "classes": {key: _node(behaviour) for key, behaviour in self.behaviour.items()},
        }
        if self.depth is not None:
            node["depth"] = {key: _digits(value) for key, value in self.depth.node().items()}
        text = yaml.safe_dump(node, sort_keys=False, default_flow_style=None, width=110)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write the error model to {path}: {error.strerror}") from error


def shares(records: Records) -> tuple[Array, Array]:
    """Errors (17, F, 2) as shares of the person's size, and which can be used (17, F); zero where not."""
    errors = (records.seen_px - records.exact_px) / records.sizes_px[:, None, None]
    used = np.isfinite(errors).all(axis=-1) & records.found[:, None]
    return np.where(used[..., None], errors, 0.0).transpose(1, 0, 2), used.T


def fit(records: Records, window: float = WINDOW) -> ErrorModel:
    """The error model of the net behind these records. window: as in `em.Mixture`.

    Of more than 200,000 frames, every n-th is fitted, n the least that leaves no more. Raises UsageError when
    a joint has fewer than 100 samples.
    """
    errors, used = shares(records)
    if used.sum(axis=1).min(initial=records.frames) < LEAST_SAMPLES:
        least = int(used.sum(axis=1).min(initial=records.frames))
        raise UsageError(f"{least} usable frames are too few for an error model: record {LEAST_SAMPLES}")
    everyone = _behaviour(records, errors, used, window)
    seen = records.visible.T
    parts = {VISIBLE: used & seen, HIDDEN: used & ~seen}
    behaviour = {ALL: everyone} | {
        key: _behaviour(records, errors, part, window, everyone) for key, part in parts.items()
    }
    made = datetime.now(UTC).date().isoformat()
    provenance = Provenance(records.net, made, records.clips, records.frames, float(np.median(records.fps)))
    in_view = records.visible.sum(axis=1) >= _IN_VIEW
    missed = in_view & ~records.found
    return ErrorModel(behaviour, float(missed.sum() / max(1, in_view.sum())), provenance, fit_depth(records))


def _behaviour(
    records: Records, errors: Array, used: Array, window: float, otherwise: Behaviour | None = None
) -> Behaviour:
    """Fit one class. otherwise: what a joint with too few samples takes."""
    stride = -(-records.frames // _MOST_FRAMES)
    samples, some = used.sum(axis=1), np.s_[:, ::stride]
    mixture = fit_mixture(errors[some], used[some], window).mixture
    gaussian = fit_gaussian(errors[some], used[some], window)
    inlier = mixture.inlier(errors) >= 0.5
    scores = np.stack([_quantiles(records.score.T, used & part, used) for part in (~inlier, inlier)])
    correlation = _correlation(records, errors, used, mixture)
    if otherwise is None:
        return Behaviour(samples, mixture, gaussian, correlation, scores)
    enough = samples >= LEAST_SAMPLES
    return Behaviour(
        samples,
        _either(enough, mixture, otherwise.mixture),
        _either(enough, gaussian, otherwise.gaussian),
        np.where(enough, correlation, otherwise.correlation),
        np.where(enough[:, None], scores, otherwise.scores),
    )


def _either(which: Array, a: Mixture, b: Mixture) -> Mixture:
    pairs = ((getattr(a, key), getattr(b, key)) for key in ("mu", "sigma"))
    mu, sigma = (np.where(which[:, None], first, second) for first, second in pairs)
    return Mixture(np.where(which, a.gamma, b.gamma), mu, sigma, a.window)


def _correlation(records: Records, errors: Array, used: Array, mixture: Mixture) -> Array:
    """(17,) from neighbouring frames of a clip, among the first 200,000 frames."""
    same_clip = records.clip_of[1:] == records.clip_of[:-1]
    pair = used[:, 1:] & used[:, :-1] & same_clip
    some = np.s_[:, :_MOST_FRAMES]
    return fit_correlation(errors[:, :-1][some], errors[:, 1:][some], pair[some], mixture)


def _quantiles(score: Array, part: Array, whole: Array) -> Array:
    """(17, 11) quantiles of a part of the scores (17, F); of the whole where the part is too small."""
    levels = np.linspace(0, 1, _LEVELS)
    chosen = np.where(part.sum(axis=1, keepdims=True) >= _LEAST_SCORES, part, whole)
    return np.stack(
        [
            np.quantile(s[c], levels) if c.any() else np.zeros(_LEVELS)
            for s, c in zip(score, chosen, strict=True)
        ]
    )


def _from_quantiles(tables: Array, level: Array) -> Array:
    """Values at levels (...) of quantile tables (..., 11)."""
    place = level * (_LEVELS - 1)
    low = np.minimum(place.astype(int), _LEVELS - 2)[..., None]
    below, above = (np.take_along_axis(tables, low + step, -1)[..., 0] for step in (0, 1))
    return np.asarray(below + (place - low[..., 0]) * (above - below))


def _correlate(noise: Array, correlation: Array) -> None:
    """Turn white noise (..., T, 17, 2) into a first-order process of unit variance, in place."""
    fresh = np.sqrt(1 - correlation**2)
    for t in range(1, noise.shape[-3]):
        noise[..., t, :, :] *= fresh[..., t, :, None]
        noise[..., t, :, :] += correlation[..., t, :, None] * noise[..., t - 1, :, :]


def _digits(values: Any) -> Any:
    """Plain numbers with six significant digits."""
    array = np.asarray(values)
    text = np.vectorize(lambda v: float(f"{v:.6g}"), otypes=[float])(array)
    return text.tolist()


def _node(behaviour: Behaviour) -> dict[str, Any]:
    mixture, gaussian = behaviour.mixture, behaviour.gaussian
    arrays = {
        "gamma": mixture.gamma, "mu": mixture.mu, "sigma": mixture.sigma, "gaussian_mu": gaussian.mu,
        "gaussian_sigma": gaussian.sigma, "correlation": behaviour.correlation, "scores": behaviour.scores,
    }  # fmt: skip
    samples = [int(n) for n in behaviour.samples]
    return {"window": mixture.window, "samples": samples} | {k: _digits(v) for k, v in arrays.items()}


def load_error_model(path: Path) -> ErrorModel:
    """Read what `ErrorModel.save` wrote. Raises UsageError for any other file."""
    try:
        node = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if (node["schema"], node["version"]) != (_SCHEMA, _VERSION) or tuple(node["joints"]) != H36M17.joints:
            raise ValueError(f"it is not a {_SCHEMA} of version {_VERSION} for {H36M17.name}")
        behaviour = {key: _from_node(node["classes"][key]) for key in CLASSES}
        depth = from_node(node["depth"]) if "depth" in node else None
        return ErrorModel(behaviour, float(node["missing"]), Provenance(**node["provenance"]), depth)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path} is not a 2D error model ({error}): make one with `realtime-train error-model`"
        ) from error


def _from_node(node: Mapping[str, Any]) -> Behaviour:
    shapes: dict[str, tuple[int, ...]] = {
        "samples": (_JOINTS,), "gamma": (_JOINTS,), "correlation": (_JOINTS,), "mu": (_JOINTS, 2),
        "sigma": (_JOINTS, 2), "gaussian_mu": (_JOINTS, 2), "gaussian_sigma": (_JOINTS, 2),
        "scores": (2, _JOINTS, _LEVELS),
    }  # fmt: skip
    arrays = {key: np.array(node[key], int if key == "samples" else float) for key in shapes}
    for key, shape in shapes.items():
        if arrays[key].shape != shape or not np.isfinite(arrays[key]).all():
            raise ValueError(f"{key} must be finite numbers of shape {shape}")
    window = float(node["window"])
    mixture = Mixture(arrays["gamma"], arrays["mu"], arrays["sigma"], window)
    gaussian = Mixture(np.ones(_JOINTS), arrays["gaussian_mu"], arrays["gaussian_sigma"], window)
    return Behaviour(arrays["samples"], mixture, gaussian, arrays["correlation"], arrays["scores"])
