"""The image nets as ONNX files: the same function as in PyTorch, read, built and run as any other model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import numpy_helper
from torch import nn

from export.cli import cli
from export.half_storage import store_half
from export.image_nets import IMAGE, Exported, as_exported, export_image_net, load_trained
from export.models import everything
from export.nets.images.catalogue import build_image_net
from export.nets.images.normalise import normalise
from export.nets.images.ssd import Ssd
from export.parity import compare
from export.probes import ImageProbe, whole_input
from export.to_engine import build_engine
from export.to_onnx import Provenance
from export.variants import variant
from export.verify import verify
from realtime import sample
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.decode import detector_decoder, estimator_decoder
from realtime.engines.library import installed
from realtime.engines.open import Choice, open_engine
from realtime.errors import ModelError, UsageError
from realtime.live.workshop import RealWorkshop
from realtime.manifest import Manifest, load_manifest
from realtime.models import catalogue
from realtime.preprocess import UnitMap, feeder
from realtime.types import Array, Frame, Region
from tests.export.nets.images.lively import NETS, lively, save_weights

ORIGIN = Provenance("a test", "CC0-1.0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every net of NETS, in a folder of its own, weights in FP32."""
    made = tmp_path_factory.mktemp("nets")
    for kind in NETS:
        export_image_net(lively(kind), made / kind, ORIGIN, {"min_score": 0.0}, half=False)
    return made


def manifest_of(folder: Path, kind: str) -> Manifest:
    return load_manifest(folder / kind / f"{NETS[kind][0]}.json")


def images(manifest: Manifest, many: int = 4) -> Iterator[Mapping[str, Array]]:
    """Feeds of noisy pictures, smooth and not."""
    assert manifest.image is not None
    rng = np.random.default_rng(1)
    for k in range(many):
        coarse = rng.integers(0, 256, (6 * (k + 1), 8 * (k + 1), 3), np.uint8)
        frame = Frame(np.kron(coarse, np.ones((20, 20, 1), np.uint8)), k, 0, 0.0)
        feeds, _ = feeder(manifest.image).whole(frame)
        yield {name: np.array(value) for name, value in feeds.items()}


def read(manifest: Manifest, outputs: Mapping[str, Array]) -> Array:
    """What comes of outputs after decoding, in pixels of the input: all boxes, or the joints."""
    assert manifest.image is not None
    if manifest.role == "detector":
        decoder, side = detector_decoder(manifest), manifest.image.width
        boxes = decoder.candidates(outputs)[0]  # type: ignore[attr-defined]
        assert decoder.boxes(outputs, UnitMap.whole(side, side)).xyxy_px.shape[0] > 0
        return np.asarray(boxes)
    found, _ = estimator_decoder(manifest).keypoints(outputs, whole_input(manifest.image))
    return found.xy_px


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_the_file_is_the_same_function_as_the_net(folder: Path, kind: str, backend: Choice) -> None:
    net, manifest = Exported(lively(kind)).eval(), manifest_of(folder, kind)
    with closing(open_engine(manifest.check_file(), backend, 2, manifest.role)) as engine:
        for feeds in images(manifest):
            got = {name: np.array(value) for name, value in engine.infer(feeds).items()}
            wanted = net.infer(feeds)
            assert got.keys() == wanted.keys() == manifest.outputs.keys()
            places, exact = read(manifest, got), read(manifest, wanted)
            assert np.abs(places - exact).max() < 1e-3, "px"
            assert exact.std() > 1.0, "or there would be nothing to compare"
            for name, value in wanted.items():
                # Not whole volumes of pixels: scores, depths and heights of maps.
                np.testing.assert_allclose(got[name], value, atol=2e-3 if name == "boxes" else 2e-4)


@pytest.mark.parametrize("kind", NETS)
@torch.no_grad()
def test_folding_the_norms_changes_nothing(kind: str) -> None:
    net = lively(kind)
    image = torch.randn(1, 3, *net.size)
    made = Exported(net).eval()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in made.modules())
    if isinstance(net, Ssd):
        wanted = net.boxes(image)
    else:
        name = "heatmaps" if hasattr(net, "heatmaps") else "joints"
        wanted = (net.heatmaps(image) if name == "heatmaps" else net.joints(net(image)["volume"]),)  # type: ignore[union-attr, operator]
    for got, exact in zip(made(image), wanted, strict=True):
        torch.testing.assert_close(got, exact, atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", ["ssd", "cpn", "integral"])
def test_the_file_is_fed_as_the_net_was_trained(folder: Path, kind: str) -> None:
    """The manifest's scale and offset are `normalise`, beyond the frame as within the letterbox: black."""
    manifest = manifest_of(folder, kind)
    spec = manifest.image
    assert spec is not None
    assert (spec.pad, spec.beyond, spec.fit) == (0, "pad", "letterbox")
    rgb = np.random.default_rng(0).integers(0, 256, (spec.height, spec.width, 3), np.uint8)
    frame = Frame(np.ascontiguousarray(rgb[..., ::-1]), 0, 0, 0.0)
    fed = feeder(spec).whole(frame)[0][IMAGE]
    wanted = normalise(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None])
    np.testing.assert_allclose(fed, wanted.numpy(), atol=2e-5)
    beyond = feeder(spec).crop(frame, UnitMap.of_region(Region(-1e4, -1e4, 100.0, 0.0)))[IMAGE]
    black = normalise(torch.zeros(1, 3, 1, 1))
    np.testing.assert_allclose(beyond, np.broadcast_to(black.numpy(), beyond.shape), atol=2e-5)


@pytest.mark.parametrize("kind", ["ssd", "cpn", "integral"])
def test_weights_kept_in_half_are_half_as_large_and_hardly_off(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    full = manifest_of(folder, kind)
    half = export_image_net(lively(kind), tmp_path, ORIGIN, {"min_score": 0.0})
    # The default boxes and biases stay as they are.
    assert half.path.stat().st_size < 0.6 * full.path.stat().st_size
    assert half.path.stat().st_size < 6e6
    with (
        closing(open_engine(full.check_file(), "onnxruntime", 2)) as exact,
        closing(open_engine(half.check_file(), "onnxruntime", 2)) as stored,
    ):
        for feeds in images(half, 2):
            for name, value in exact.infer(feeds).items():
                gap = np.abs(np.array(stored.infer(feeds)[name]) - value)
                assert 0 < gap.max() < (1.0 if name == "boxes" else 0.05)


def test_only_weights_that_half_can_hold_are_stored_so() -> None:
    made = onnx.helper.make_graph(
        [
            onnx.helper.make_node("MatMul", ["x", "w"], ["a"]),
            onnx.helper.make_node("MatMul", ["a", "large"], ["b"]),
            onnx.helper.make_node("Add", ["b", "bias"], ["y"]),
        ],
        "small",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4])],
        [
            numpy_helper.from_array(np.eye(4, dtype=np.float32), "w"),
            numpy_helper.from_array(np.full((4, 4), 1e6, np.float32), "large"),
            numpy_helper.from_array(np.zeros(4, np.float32), "bias"),
        ],
    )
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)])
    stored = store_half(model)
    types = {tensor.name: numpy_helper.to_array(tensor).dtype for tensor in stored.graph.initializer}
    assert types == {"w/stored": np.float16, "large": np.float32, "bias": np.float32}
    assert [t.name for t in model.graph.initializer] == ["w", "large", "bias"], "the original stays"


@pytest.mark.skipif(not installed("tensorrt-rtx"), reason="tensorrt-rtx is not installed")
@pytest.mark.parametrize("kind", ["ssd", "cpn", "integral"])
def test_every_net_builds_into_an_engine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As they ship, weights in half; and computing in half too, as far as they bear it."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("export.variants.IMAGES", 3)
    manifest = export_image_net(lively(kind), tmp_path, ORIGIN, {"min_score": 0.0})
    built = build_engine(manifest, "tensorrt-rtx")
    assert (built.name, built.precision, built.new) == (manifest.name, "fp32", True)
    assert built.path.stat().st_size > manifest.path.stat().st_size / 2


def test_a_net_that_computes_in_half_is_the_same_but_for_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`build --precision fp16` begins with this form; weights that are half already are no hindrance."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("export.variants.IMAGES", 3)
    manifest = export_image_net(lively("integral"), tmp_path, ORIGIN)
    half = variant(manifest, "fp16")
    probe = ImageProbe(manifest, list(images(manifest)))
    answers = []
    for form in (half, manifest):
        with closing(open_engine(form.check_file(), "onnxruntime", 2)) as engine:
            answers.append(probe.ask(engine))
    counted = [replace(answer, counts=(True,) * len(answer.counts)) for answer in answers]
    assert compare(*counted).decoded.greatest < 0.5, "px"


def test_a_checkpoint_becomes_a_model_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.verify.IMAGES", 2)
    net = lively("cpn")
    weights = save_weights(net, tmp_path / "weights.safetensors", measures='{"pckh": 0.5, "odd": NaN}')
    said = ["onnx", "cpn", "--checkpoint", str(weights), "-o", str(tmp_path), "--origin", "mine"]
    done = CliRunner().invoke(cli, said, catch_exceptions=False)
    assert "cpn.onnx: exported from" in done.stdout
    assert not (tmp_path / "cpn.md").exists()
    CliRunner().invoke(cli, [*said, "--card", "realtime-train cpn --minutes 9"], catch_exceptions=False)
    card = (tmp_path / "cpn.md").read_text()
    manifest = load_manifest(tmp_path / "cpn.json")
    for told in ("realtime-train cpn --minutes 9", "| pckh | 0.5 |", manifest.sha256, "Origin: mine"):
        assert told in card
    assert (manifest.origin, manifest.metrics) == ("mine", {"pckh": 0.5})
    assert manifest.detector == "", "there is none beside it: BlazePose's will do"
    ways = {finding.way: finding.parity for finding in verify(manifest, weights)}
    parity = ways["torch"]
    assert parity is not None
    assert parity.tensors["heatmaps"].greatest < 0.05, "the weights are stored in half"
    with pytest.raises(UsageError, match="there is no torch net 'ssd'; known: cpn"):
        CliRunner().invoke(cli, [*said[:1], "ssd", *said[2:]], catch_exceptions=False, standalone_mode=False)
    other = save_weights(lively("ssd"), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="is of another net than"):
        list(verify(manifest, other))


def test_a_detector_is_exported_for_larger_images_by_command(tmp_path: Path) -> None:
    net = lively("ssd")
    # As a training of before there was a choice left it.
    options = json.dumps({"backbone": "light"})
    weights = save_weights(net, tmp_path / "weights.safetensors", options=options, measures='{"ap50": 0.9}')
    said = ["onnx", "ssd", "--checkpoint", str(weights), "-o", str(tmp_path), "--weights", "fp32"]
    CliRunner().invoke(cli, [*said, "--side", "320", "--card", "made"], catch_exceptions=False)
    manifest = load_manifest(tmp_path / "ssd.json")
    assert manifest.image is not None
    assert (manifest.image.width, manifest.image.height) == (320, 320)
    assert manifest.metrics == {"ap50_at_256_px": 0.9}, "nobody has measured it at 320"
    assert (
        "| ap50_at_256_px | 0.9 | average precision at an overlap of 0.5, in images of 256 px |"
        in (tmp_path / "ssd.md").read_text()
    )
    exact = as_exported(manifest, weights)
    with closing(open_engine(manifest.check_file(), "onnxruntime", 2)) as engine:
        for feeds in images(manifest, 2):
            got = {name: np.array(value) for name, value in engine.infer(feeds).items()}
            assert np.abs(read(manifest, got) - read(manifest, exact.infer(feeds))).max() < 1e-3, "px"
    CliRunner().invoke(cli, [*said, "--side", "256"], catch_exceptions=False)
    assert load_manifest(tmp_path / "ssd.json").metrics == {"ap50": 0.9}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["cpn", "--checkpoint", "{weights}", "--side", "288"],
            "the side of cpn's image is fixed: leave --side",
        ),
        (["ssd", "--side", "288"], "--side is for the weights of a training: give --checkpoint too"),
    ],
)
def test_a_side_is_for_a_trained_detector_alone(tmp_path: Path, words: list[str], complaint: str) -> None:
    weights = save_weights(lively("cpn"), tmp_path / "weights.safetensors")
    said = [word.format(weights=weights) for word in words]
    with pytest.raises(UsageError, match=complaint):
        CliRunner().invoke(
            cli, ["onnx", *said, "-o", str(tmp_path)], catch_exceptions=False, standalone_mode=False
        )


def everywhere_somebody(folder: Path) -> None:
    """A whole stack of untrained nets that see a large person wherever they look, and are sure of it."""
    torch.manual_seed(0)
    ssd = build_image_net("ssd").eval()
    assert isinstance(ssd, Ssd)
    nn.init.constant_(ssd.classify[-1].bias[1::2], 9.0)  # type: ignore[index, arg-type]
    export_image_net(ssd, folder, ORIGIN)
    for kind in ("cpn", "integral"):
        export_image_net(lively(kind), folder, ORIGIN, {"score_gain": 1e-3, "score_bias": 5.0})


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    everywhere_somebody(folder)
    return folder


def test_an_estimator_takes_the_detector_beside_it(stack: Path) -> None:
    detector, estimator = catalogue.image_models(str(stack / "cpn.json"))
    assert (detector.name, estimator.name, detector.directory) == ("ssd", "cpn", stack)


@pytest.mark.parametrize("damage", ["text", "cut", "bare", "another"])
def test_what_is_no_checkpoint_is_one_line(tmp_path: Path, damage: str) -> None:
    net = lively("ssd")
    path = save_weights(net, tmp_path / "weights.safetensors")
    if damage == "text":
        path.write_text("weights")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    elif damage == "bare":
        from safetensors.torch import save_file

        save_file(dict(net.state_dict()), path)
    else:
        save_weights(net, path, name="cpn", options="{}")
    with pytest.raises(ModelError, match="holds no weights of an image net") as caught:
        load_trained(path)
    assert "\n" not in str(caught.value)


# Live.


@pytest.mark.parametrize(
    ("models", "lifter", "engine"),
    [
        ("own", "unified", "openvino"),
        ("integral-regression", "depth-tcn", "onnxruntime"),
        ("cpn", "residual-lifter", "openvino"),
    ],
)
def test_the_whole_stack_runs_live(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: str, lifter: str, engine: str
) -> None:
    """From picture to people in metres with nobody else's weights; untrained, so where is of no matter."""
    from realtime.commands.demo import demo

    monkeypatch.setattr(catalogue, "own_dir", lambda: stack)
    record = tmp_path / "out.jsonl"
    words = ["--source", str(sample.clip_path()), "--headless", "--frames", "6", "--models", models]
    words += ["--lifter", lifter, "--engine", engine, "--record", str(record)]
    CliRunner().invoke(demo, words, catch_exceptions=False, standalone_mode=False)
    header, *frames = map(json.loads, record.read_text().splitlines())
    estimator = catalogue.OWN_ESTIMATOR if models == "own" else models
    assert [m["name"] for m in header["header"]["models"]] == ["ssd", estimator, lifter]
    assert len(frames) == 6
    for frame in frames:
        (person,) = frame["people"]
        assert np.isfinite(person["pose_m"]).all()
        # Those that an untrained net puts outside the image do not count.
        assert np.array(person["keypoints_px"])[:, 2].max() == pytest.approx(1, abs=0.01)


def test_models_of_this_project_are_known_by_name(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "own_dir", lambda: stack)
    names = catalogue.choices()
    assert names[:4] == ("blazepose", "own", "cpn", "integral-regression")
    assert tuple(RealWorkshop().choices().models) == names, "what the window offers"
    assert {"ssd", "cpn", "integral-regression"} <= {manifest.name for manifest in everything()}
    listed = CliRunner().invoke(cli, ["list"], catch_exceptions=False).stdout
    assert any(line.split()[:2] == ["ssd", "CC0-1.0"] and "shipped" in line for line in listed.splitlines())
    told = CliRunner().invoke(cli, ["info", str(stack / "ssd.json")], catch_exceptions=False).stdout
    assert "model       ssd, detector" in told
    with pytest.raises(UsageError, match="ssd is a person detector: name an estimator"):
        catalogue.image_models("ssd")
    (stack / "ssd.json").rename(stack / "gone")
    try:
        assert catalogue.choices()[:2] == ("blazepose", "rtmpose-t")
        with pytest.raises(UsageError, match="ships no weights of ssd: train them") as caught:
            catalogue.image_models("own")
        assert "\n" not in str(caught.value)
    finally:
        (stack / "gone").rename(stack / "ssd.json")
