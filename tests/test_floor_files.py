from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.commands.options import pipeline_options, to_options
from realtime.errors import FloorFileError, UsageError
from realtime.floor_files import (
    floor_under,
    from_numbers,
    load_floor,
    save_floor,
    to_numbers,
    up_of_tilt,
)
from realtime.stream.assemble import Options


@given(st.floats(0.1, 20), st.floats(-60, 90))
def test_a_camera_that_looks_down_sees_the_floor_ahead(height_m: float, tilt_deg: float) -> None:
    floor = floor_under(height_m, tilt_deg)
    assert float(np.linalg.norm(floor.up)) == pytest.approx(1, abs=1e-6)
    below_m = np.float32(height_m) * -floor.up
    assert float(floor.height_m(below_m)) == pytest.approx(0, abs=1e-5 * height_m)
    # The optical axis meets the floor where the tilt says.
    if tilt_deg > 5:
        ahead_m = np.array([0, 0, height_m / math.sin(math.radians(tilt_deg))], np.float32)
        assert float(floor.height_m(ahead_m)) == pytest.approx(0, abs=1e-4 * height_m)
    again = from_numbers(to_numbers(floor))
    np.testing.assert_allclose(again.up, floor.up, atol=1e-6)
    assert (again.camera_height_m, again.sigma_m, again.tilt_sigma) == to_numbers(floor)[3:]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    floor = floor_under(1.52, 12.5)
    save_floor(floor, tmp_path / "floor.yaml", "the board lies at one place")
    assert (tmp_path / "floor.yaml").read_text(encoding="utf-8").startswith("# the board")
    found = load_floor(tmp_path / "floor.yaml")
    np.testing.assert_allclose(to_numbers(found), to_numbers(floor), atol=1e-5)


def test_the_farther_the_less_sure() -> None:
    floor = floor_under(1.5)
    assert floor.sigma_at_m(0) == pytest.approx(0.02)
    assert floor.sigma_at_m(4) == pytest.approx(math.hypot(0.02, 4 * math.radians(1)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "up: [0, -1, 0]",
        "{up: [0, -2, 0], camera_height_m: 1.5, sigma: {height_m: 0.01, tilt_deg: 1}}",
        "{up: [0, -1, 0], camera_height_m: -1.5, sigma: {height_m: 0.01, tilt_deg: 1}}",
        "{up: [0, -1, 0], camera_height_m: .nan, sigma: {height_m: 0.01, tilt_deg: 1}}",
        "{up: [0, -1, 0], camera_height_m: 1.5, sigma: {height_m: 3, tilt_deg: 1}}",
        "{up: [0, -1], camera_height_m: 1.5, sigma: {height_m: 0.01, tilt_deg: 1}}",
        "{up: [",
    ],
)
def test_what_is_no_floor_is_refused_with_the_command_that_makes_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FloorFileError, match="realtime-calibrate floor") as error:
        load_floor(tmp_path / "x.yaml")
    assert error.value.exit_code == 2
    with pytest.raises(FloorFileError, match="cannot read"):
        load_floor(tmp_path / "missing.yaml")


def test_a_floor_is_said_once_and_whole() -> None:
    settings = Options(camera_height_m=1.5, camera_tilt_deg=10).body()
    assert settings.floor is not None
    assert settings.floor.camera_height_m == 1.5
    with pytest.raises(UsageError, match="leave out --camera-tilt"):
        Options(known_floor=to_numbers(floor_under(1.5)), camera_tilt_deg=10)
    with pytest.raises(UsageError, match="give one of them"):
        Options(known_floor=to_numbers(floor_under(1.5)), camera_height_m=1.5)
    for height_m, tilt_deg in ((0.0, 0.0), (1.5, 120.0), (math.nan, 0.0), (0.0, None), (math.nan, None)):
        with pytest.raises(UsageError, match="must be"):
            Options(camera_height_m=height_m, camera_tilt_deg=tilt_deg)


def test_a_height_alone_leaves_the_tilt_to_the_lines_of_the_picture() -> None:
    settings = Options(camera_height_m=1.5).body()
    assert settings.floor is None
    assert settings.camera_height_m == 1.5
    without = Options(camera_height_m=1.5, level=False).body()
    assert without.camera_height_m is None
    assert without.floor is not None
    np.testing.assert_allclose(without.floor.up, up_of_tilt(0))


def test_a_tilt_alone_says_which_way_is_up_and_no_floor() -> None:
    settings = Options(camera_tilt_deg=10).body()
    assert settings.floor is None
    assert settings.up is not None
    np.testing.assert_allclose(settings.up, floor_under(1.5, 10).up)
    assert Options().body().up is None
    with pytest.raises(UsageError, match="must be"):
        Options(camera_tilt_deg=math.inf)


def test_a_floor_file_is_an_option_of_the_commands(tmp_path: Path) -> None:
    seen: list[Options] = []

    @click.command()
    @pipeline_options
    def command(**given: Any) -> None:
        seen.append(to_options(given))

    file = tmp_path / "floor.yaml"
    save_floor(floor_under(1.5, 8.0), file)
    command(["--floor-file", str(file)], standalone_mode=False)
    command(["--camera-height", "1.5", "--camera-tilt", "8"], standalone_mode=False)
    command([], standalone_mode=False)
    from_file, by_hand, none = (options.body().floor for options in seen)
    assert from_file is not None
    assert by_hand is not None
    assert none is None
    np.testing.assert_allclose(from_file.up, by_hand.up, atol=1e-6)
    with pytest.raises(FloorFileError):
        command(["--floor-file", str(tmp_path / "none.yaml")], standalone_mode=False)
