"""The published networks, fetched once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from export import zoo
from export.variants import variant
from export.wheel import check, download, read_members
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.errors import FetchError
from realtime.manifest import Manifest, load_manifest
from realtime.models.catalogue import lifter, lifter_names, own, own_names
from tests.conftest import skip_if_unreachable

BLAZEPOSE = zoo.SETS["blazepose"]


@pytest.fixture(scope="session")
def blazepose_wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published wheel, kept between test runs."""
    kept = Path(request.config.cache.mkdir("blazepose")) / BLAZEPOSE.wheel.file
    try:
        check(BLAZEPOSE.wheel, kept)
    except FetchError:
        try:
            fresh = download(BLAZEPOSE.wheel, tmp_path_factory.mktemp("wheel"), lambda done, total: None)
        except FetchError as error:
            skip_if_unreachable(error)
        shutil.move(fresh, kept)
    return kept


@pytest.fixture(scope="session")
def blazepose_tflite(blazepose_wheel: Path) -> Mapping[str, bytes]:
    """The TFLite files as published, by the name of the ONNX file made of each."""
    members = [network.member for network in BLAZEPOSE.networks]
    contents = read_members(blazepose_wheel, members)
    return {
        network.manifest.file: content for network, content in zip(BLAZEPOSE.networks, contents, strict=True)
    }


Forms = Mapping[str, tuple[Manifest, Manifest]]
"""Models and their FP16 forms, by the model's name."""


@pytest.fixture(scope="session")
def halved(blazepose: Path, tmp_path_factory: pytest.TempPathFactory) -> Forms:
    """Every shipped and fetched model, its FP16 form made anew."""
    images = [load_manifest(blazepose / f"{part}.json") for part in ("detector", "landmark")]
    images += [own(name) for name in own_names()]
    lifters = [lifter(name) for name in lifter_names()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path_factory.mktemp("halved")))
        patch.setattr("export.variants.FRAMES", 50)
        return {manifest.name: (manifest, variant(manifest, "fp16")) for manifest in (*images, *lifters)}
