from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.errors import ManifestError, UsageError
from realtime.manifest import ImageInput, Manifest, Role, TensorInfo
from realtime.models import catalogue

ROLES: dict[str, Role] = {"detector": "detector", "landmark": "estimator"}


def write_set(folder: Path) -> None:
    """A set as fetching leaves it, with files that are no networks."""
    folder.mkdir(parents=True)
    for part, role in ROLES.items():
        inputs, image = {"x": TensorInfo((1,))}, ImageInput("x", 8, 8)
        manifest = Manifest(part, role, f"{part}.onnx", "", "", "", inputs, {}, image, "some-decoder")
        (folder / f"{part}.json").write_text(manifest.to_json())
        (folder / manifest.file).write_bytes(b"network")


@pytest.fixture
def fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sets fetched so far; fetching writes one into an empty cache of this test."""
    done: list[str] = []

    def fetch(name: str) -> None:
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


def test_own_networks_are_not_there_yet() -> None:
    with pytest.raises(UsageError, match="blazepose"):
        catalogue.image_models("own")
