"""The contact sheet: which frames, and that what is drawn over them is the truth."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.draw import colour_of
from realtime.scene import Side
from realtime.types import Array
from tests.training.dataset.discs import FRAMES, DiscFactory
from training.dataset.contact_sheet import MOST_CLIPS, Panel, contact_sheet, frames_shown


def panel(number: int, frame: int = FRAMES - 1) -> Panel:
    clip = DiscFactory()().clip(4, number)
    images, truths = zip(*clip.render(), strict=True)
    return Panel(number, images[frame], clip.annotation(truths), frame)


def white(height: int, width: int, number: int = 0) -> Panel:
    """A clip's truth over a white picture of another size; one person."""
    truth = panel(number).truth
    return Panel(number, np.full((height, width, 3), 255, np.uint8), truth, 0)


@pytest.mark.parametrize(("clips", "shown"), [(1, 1), (20, 20), (21, 21), (40, 40), (41, 40), (5000, 40)])
def test_clips_are_spread_evenly_and_few_show_two_frames(clips: int, shown: int) -> None:
    chosen = list(frames_shown(clips))
    numbers = [number for number, _ in chosen]
    assert len(set(numbers)) == shown <= MOST_CLIPS
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] < clips
    assert np.ptp(np.diff([*numbers, clips])) <= 1
    assert {len(shares) for _, shares in chosen} == {2 if clips <= 20 else 1}
    assert all(0 <= share < 1 for _, shares in chosen for share in shares)


def test_the_sheet_is_rows_of_tiles_and_always_the_same() -> None:
    panels = [panel(number) for number in range(10)]
    sheet = contact_sheet(panels)
    assert sheet.shape == (2 * 244 - 4, 8 * 324 - 4, 3)
    np.testing.assert_array_equal(sheet, contact_sheet(panels))
    np.testing.assert_array_equal(contact_sheet(panels[:1]), sheet[:240, :320])


def at(sheet: Array, panel: Panel, joint: int, person: int = 0) -> Array:
    """The colours around a joint, in one tile of the sheet: (5, 5, 3)."""
    height, width = panel.image.shape[:2]
    scale = min(320 / width, 240 / height)
    margin = np.array([320 - width * scale, 240 - height * scale]) / 2
    x, y = np.round((panel.truth.keypoints_px[panel.frame, person, joint] + 0.5) * scale - 0.5 + margin)
    return sheet[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]


@pytest.mark.parametrize("number", [0, 2])
def test_joints_are_drawn_where_they_are_filled_only_if_they_can_be_seen(number: int) -> None:
    shown = panel(number)
    wrist = 13
    colour = np.array(colour_of(Side.LEFT, 0)[::-1])
    shown.truth.visible[:] = True
    filled = at(contact_sheet([shown]), shown, wrist)
    np.testing.assert_array_equal(filled[2, 2], colour)
    assert (filled == colour).all(axis=-1).sum() > 15
    shown.truth.visible[:, :, wrist] = False
    ring = at(contact_sheet([shown]), shown, wrist)
    assert (ring != filled).any()


def test_a_joint_behind_the_camera_and_nobody_in_view_are_left_out() -> None:
    blank = white(96, 96)
    blank.truth.keypoints_px[:] = np.nan
    blank.truth.box_px[:] = 0
    tile = contact_sheet([blank])
    drawn = (tile != 255).any(axis=-1)
    assert not drawn[40:, 40:280].any()  # above is the number's plate, beside it the margin
    whole = white(96, 96)
    assert (contact_sheet([whole])[40:, 40:280] != 255).any()


def test_pictures_of_any_aspect_keep_theirs() -> None:
    for height, width in ((200, 50), (50, 200)):
        blank = white(height, width)
        blank.truth.keypoints_px[:] = np.nan
        blank.truth.box_px[:] = 0
        rows, columns = np.nonzero((contact_sheet([blank]) == 255).all(axis=-1))
        found = (np.ptp(columns) + 1) / (np.ptp(rows) + 1)
        assert found == pytest.approx(width / height, rel=0.05)


def test_another_clip_has_another_number() -> None:
    first, second = white(96, 96), white(96, 96)
    renamed = Panel(77, second.image, second.truth, second.frame)
    a, b = contact_sheet([first]), contact_sheet([renamed])
    assert (a[:40] != b[:40]).any()
    np.testing.assert_array_equal(a[40:], b[40:])
