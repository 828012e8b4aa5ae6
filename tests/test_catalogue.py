from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.decode import detector_decoder, estimator_decoder
from realtime.errors import ManifestError, UsageError
from realtime.manifest import ImageInput, Manifest, Role, TensorInfo, load_manifest
from realtime.models import catalogue

ROLES: dict[str, Role] = {"detector": "detector", "landmark": "estimator", "estimator": "estimator"}


def write_set(folder: Path) -> None:
    """A set as fetching leaves it, with files that are no networks."""
    folder.mkdir(parents=True)
    for part, role in ROLES.items():
        inputs, image = {"x": TensorInfo((1, 8, 8, 3))}, ImageInput("x", 8, 8)
        manifest = Manifest(
            part, role, f"{part}.onnx", "", "", "", inputs, {}, image, "some-decoder", "coco-17"
        )
        (folder / f"{part}.json").write_text(manifest.to_json())
        (folder / manifest.file).write_bytes(b"network")


@pytest.fixture
def fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sets fetched so far; fetching writes one into an empty cache of this test."""
    done: list[str] = []

    def fetch(name: str, say: object) -> None:
        done.append(name)
        folder = tmp_path / "models" / name
        shutil.rmtree(folder, ignore_errors=True)
        write_set(folder)

    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    monkeypatch.setattr(catalogue, "_fetch", fetch)
    return done


def test_what_is_missing_is_fetched_once(fetches: list[str]) -> None:
    detector, estimator = catalogue.image_models("blazepose")
    assert (detector.role, estimator.role) == ("detector", "estimator")
    catalogue.image_models("blazepose")
    assert fetches == ["blazepose"]


@pytest.mark.parametrize("damage", ["detector.json", "landmark.onnx"])
def test_what_is_damaged_is_fetched_again(fetches: list[str], tmp_path: Path, damage: str) -> None:
    catalogue.image_models("blazepose")
    path = tmp_path / "models" / "blazepose" / damage
    if path.suffix == ".json":
        path.write_text("{")
    else:
        path.unlink()
    catalogue.image_models("blazepose")
    assert fetches == ["blazepose", "blazepose"]


def test_there_is_a_default_lifter_and_others_are_named() -> None:
    assert catalogue.lifter(catalogue.DEFAULT_LIFTER).role == "lifter"
    with pytest.raises(UsageError, match=catalogue.DEFAULT_LIFTER):
        catalogue.lifter("nonesuch")


def test_a_manifest_of_another_role_is_refused(fetches: list[str], tmp_path: Path) -> None:
    catalogue.image_models("blazepose")
    folder = tmp_path / "models" / "blazepose"
    with pytest.raises(ManifestError, match="not a lifter"):
        catalogue.lifter(str(folder / "detector.json"))
    with pytest.raises(ManifestError, match="not an estimator"):
        catalogue.image_models(str(folder / "detector.json"))


def write_own(folder: Path, *names: str) -> None:
    """Image nets of this project, as they ship, with files that are no networks."""
    folder.mkdir(exist_ok=True)
    for name in names:
        inputs, image = {"x": TensorInfo((1, 8, 8, 3))}, ImageInput("x", 8, 8)
        role = ROLES["detector" if name == "ssd" else "estimator"]
        manifest = Manifest(
            name, role, f"{name}.onnx", "", "", "", inputs, {}, image, "some-decoder", "h36m-17"
        )
        (folder / f"{name}.json").write_text(manifest.to_json())


def test_own_networks_are_named_and_what_is_not_shipped_is_said(
    fetches: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "own_dir", lambda: tmp_path / "own")
    assert catalogue.choices() == ("blazepose", *catalogue.PUBLISHED_ESTIMATORS)
    with pytest.raises(UsageError, match=r"ships no weights of ssd: train them .* or use --models blazepose"):
        catalogue.image_models("own")
    (other,) = set(catalogue.OWN_ESTIMATORS) - {catalogue.OWN_ESTIMATOR}
    write_own(tmp_path / "own", "ssd", other)
    assert catalogue.choices()[:2] == ("blazepose", other), "what `own` stands for is not there"
    detector, estimator = catalogue.image_models(other)
    assert (detector.name, estimator.name) == ("ssd", other)
    with pytest.raises(UsageError, match=f"ships no weights of {catalogue.OWN_ESTIMATOR}"):
        catalogue.image_models("own")
    write_own(tmp_path / "own", catalogue.OWN_ESTIMATOR)
    assert catalogue.choices()[:4] == ("blazepose", "own", "cpn", "integral-regression")
    assert catalogue.image_models("own")[1].name == catalogue.OWN_ESTIMATOR
    with pytest.raises(UsageError, match="ssd is a person detector: name an estimator"):
        catalogue.image_models("ssd")
    detector, _ = catalogue.image_models(own(tmp_path / "mine", detector="ssd"))
    assert detector.directory == tmp_path / "own"
    assert fetches == []


def own(folder: Path, **changes: str) -> str:
    """An estimator of the user's own, beside a detector."""
    write_set(folder)
    node = json.loads((folder / "landmark.json").read_text()) | changes
    (folder / "landmark.json").write_text(json.dumps(node))
    return str(folder / "landmark.json")


def test_an_own_estimator_goes_with_blazepose_unless_it_names_another(
    fetches: list[str], tmp_path: Path
) -> None:
    detector, estimator = catalogue.image_models(own(tmp_path / "a"))
    assert fetches == ["blazepose"]
    assert estimator.directory == tmp_path / "a"
    detector, _ = catalogue.image_models(own(tmp_path / "b", detector="detector.json"))
    assert detector.directory == tmp_path / "b"
    detector, _ = catalogue.image_models(own(tmp_path / "c", detector="rtmdet-nano"))
    assert detector.directory == tmp_path / "models" / "rtmdet-nano"
    assert fetches == ["blazepose", "rtmdet-nano"]


def test_a_published_estimator_is_fetched(fetches: list[str], tmp_path: Path) -> None:
    _, estimator = catalogue.image_models("rtmpose-s")
    assert estimator.directory == tmp_path / "models" / "rtmpose-s"
    assert "rtmpose-s" in fetches


def test_what_cannot_be_used_is_named(fetches: list[str], tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no detector 'yolo': name a manifest beside it"):
        catalogue.image_models(own(tmp_path / "a", detector="yolo"))
    with pytest.raises(
        ManifestError, match=r"names landmark\.json as its detector, but its role is estimator"
    ):
        catalogue.image_models(own(tmp_path / "b", detector="landmark.json"))
    with pytest.raises(UsageError, match="rtmdet-nano is a person detector: name an estimator"):
        catalogue.image_models("rtmdet-nano")
    with pytest.raises(UsageError, match="there is no model 'rtmpose-x': choose blazepose, own, cpn"):
        catalogue.image_models("rtmpose-x")
    assert fetches == []


def test_every_template_is_a_manifest_its_decoder_accepts() -> None:
    names = catalogue.template_names()
    assert {*catalogue.PUBLISHED_ESTIMATORS, *catalogue.PUBLISHED_DETECTORS} <= set(names)
    for name in names:
        manifest = load_manifest(catalogue.template(name))
        assert manifest.name == name
        (detector_decoder if manifest.role == "detector" else estimator_decoder)(manifest)
    with pytest.raises(UsageError, match="there is no template 'yolox-huge'; known: hrnet-w32"):
        catalogue.template("yolox-huge")
