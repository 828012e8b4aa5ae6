"""The published networks, fetched once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from export import zoo
from export.mixed import Mixed, find_mixed
from export.probes import probe_for
from export.variants import load_network
from export.wheel import check, download, read_members
from realtime.errors import FetchError
from realtime.manifest import Manifest, load_manifest
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
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


@dataclass(frozen=True, slots=True)
class Halved:
    """A model of the demo and the FP16 form that is found of it; file: that form as an ONNX file."""

    manifest: Manifest
    mixed: Mixed
    file: Path


@pytest.fixture(scope="session")
def halved(blazepose: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Halved]:
    """FP16 forms of every model of the demo, made anew, by the model's name."""
    manifests = [
        load_manifest(blazepose / "detector.json"),
        load_manifest(blazepose / "landmark.json"),
        lifter(DEFAULT_LIFTER),
    ]
    made = {}
    for manifest in manifests:
        probe = probe_for(manifest, 50 if manifest.role == "lifter" else 8)
        mixed = find_mixed(load_network(manifest.check_file()), probe)
        file = tmp_path_factory.mktemp("fp16") / manifest.file
        file.write_bytes(mixed.model.SerializeToString())
        made[manifest.name] = Halved(manifest, mixed, file)
    return made
