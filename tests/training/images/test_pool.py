"""Pools keep what they are given, the newest of it, and draw from all of it."""

from __future__ import annotations

import numpy as np
import torch

from training.images.pool import Pool
from training.images.samples import IMAGE, JOINTS, Samples


def samples(*values: int) -> Samples:
    image = np.stack([np.full((4, 4, 3), value, np.uint8) for value in values])
    image[..., 1] += 1
    return {IMAGE: image, JOINTS: np.array(values, np.float32)[:, None, None].repeat(17, 1).repeat(2, 2)}


def kept(pool: Pool) -> list[int]:
    return sorted(int(value) for value in pool.span(0, 100)[JOINTS][:, 0, 0])


def test_images_have_their_channels_first() -> None:
    pool = Pool(4, torch.device("cpu"))
    pool.add(samples(10, 20))
    batch = pool.span(0, 9)
    assert batch[IMAGE].shape == (2, 3, 4, 4)
    assert batch[IMAGE][1, :, 0, 0].tolist() == [20, 21, 20]


def test_the_newest_take_the_place_of_the_oldest() -> None:
    pool = Pool(3, torch.device("cpu"))
    for value in range(5):
        pool.add(samples(value))
    assert kept(pool) == [2, 3, 4]
    pool.add(samples(10, 11, 12, 13, 14))
    assert kept(pool) == [12, 13, 14]
    assert pool.size == 3


def test_it_grows_and_keeps_what_it_has() -> None:
    pool = Pool(700, torch.device("cpu"))
    for start in range(0, 900, 90):
        pool.add(samples(*(value % 250 for value in range(start, start + 90))))
    wanted = sorted(value % 250 for value in range(200, 900))
    assert sorted(int(value) for value in pool.span(0, 700)[JOINTS][:, 0, 0]) == wanted


def test_draws_are_of_what_is_there_and_by_seed() -> None:
    pool = Pool(100, torch.device("cpu"))
    pool.add(samples(1, 2, 3))
    drawn = [pool.draw(50, torch.Generator().manual_seed(4))[JOINTS] for _ in range(2)]
    assert torch.equal(drawn[0], drawn[1])
    assert set(drawn[0][:, 0, 0].tolist()) == {1.0, 2.0, 3.0}
