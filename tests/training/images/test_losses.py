"""Matching, hard negatives, hard keypoints and coordinates, as the papers define them."""

from __future__ import annotations

import pytest
import torch

from training.images.losses import (
    IGNORED,
    NEGATIVE,
    POSITIVE,
    box_ious,
    coordinate_loss,
    detection_loss,
    hardest,
    heatmap_loss,
    marginal_loss,
    match,
)

PRIORS = torch.tensor(
    [[0.0, 0.0, 0.4, 0.4], [0.05, 0.05, 0.45, 0.45], [0.6, 0.6, 0.9, 0.9], [0.0, 0.6, 0.2, 0.9]]
)


def test_overlap_of_boxes() -> None:
    overlap = box_ious(PRIORS[:1], PRIORS)
    assert overlap[0].tolist() == pytest.approx([1.0, 0.35**2 / (0.32 - 0.35**2), 0.0, 0.0])


def test_a_prior_that_fits_by_half_is_positive_and_the_rest_negative() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.0, 0.0]]])
    labels, chosen = match(PRIORS, boxes, torch.tensor([[POSITIVE, NEGATIVE]]))
    assert labels[0].tolist() == [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE]
    assert torch.equal(chosen[0, 0], boxes[0, 0])


def test_everybody_has_a_prior_however_badly_it_fits() -> None:
    boxes = torch.tensor([[[0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.1, 0.1]]])
    labels, chosen = match(PRIORS, boxes, torch.tensor([[POSITIVE, POSITIVE]]))
    assert labels[0].tolist() == [POSITIVE, NEGATIVE, POSITIVE, NEGATIVE]
    assert torch.equal(chosen[0, 0], boxes[0, 1])
    assert torch.equal(chosen[0, 2], boxes[0, 0])


def test_somebody_hardly_seen_is_neither() -> None:
    boxes = torch.tensor([[[0.6, 0.6, 0.9, 0.9]]])
    labels, _ = match(PRIORS, boxes, torch.tensor([[IGNORED]]))
    assert labels[0].tolist() == [NEGATIVE, NEGATIVE, IGNORED, NEGATIVE]


def test_only_the_hardest_negatives_count() -> None:
    labels = torch.tensor([[POSITIVE, *[NEGATIVE] * 9, IGNORED]])
    logits = torch.zeros(1, 11, 2, requires_grad=True)
    with torch.no_grad():
        logits[0, 1:, 1] = torch.arange(-10.0, 0.0)
        logits[0, 10, 1] = 50.0  # the ignored one would be hardest of all
    loss = detection_loss(logits, torch.zeros(1, 11, 4), labels, torch.zeros(1, 11, 4), ratio=3)
    loss.backward()
    assert logits.grad is not None
    counted = logits.grad[0].abs().sum(-1) > 0
    assert counted.tolist() == [True, *[False] * 6, True, True, True, False]


def test_offsets_count_for_positives_alone() -> None:
    labels = torch.tensor([[POSITIVE, NEGATIVE]])
    logits = torch.tensor([[[-30.0, 30.0], [30.0, -30.0]]])
    off = torch.tensor([[[2.0, 0, 0, 0], [9.0, 9, 9, 9]]])
    assert float(detection_loss(logits, off, labels, torch.zeros(1, 2, 4))) == pytest.approx(1.5)


def test_an_image_with_nobody_still_teaches() -> None:
    loss = detection_loss(
        torch.zeros(1, 5, 2), torch.zeros(1, 5, 4), torch.full((1, 5), NEGATIVE), torch.zeros(1, 5, 4)
    )
    assert float(loss) == pytest.approx(3 * 0.6931, abs=1e-3)


def test_hard_keypoints_are_the_greatest_losses_of_each_image() -> None:
    losses = torch.tensor([[1.0, 5.0, 3.0, 0.0], [0.0, 0.0, 2.0, 8.0]])
    assert float(hardest(losses, 2)) == pytest.approx((4.0 + 5.0) / 2)
    assert float(hardest(losses, 17)) == pytest.approx(float(losses.mean()))


def test_a_joint_without_weight_costs_nothing() -> None:
    maps, wanted = torch.ones(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    assert heatmap_loss(maps, wanted, torch.tensor([[1.0, 0.0]]))[0].tolist() == [1.0, 0.0]
    said = torch.full((1, 2, 3), 0.5)
    weight = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    assert float(coordinate_loss(said, torch.zeros(1, 2, 3), weight)) == pytest.approx(0.5)
    assert float(coordinate_loss(said, torch.zeros(1, 2, 3), 0 * weight)) == 0.0


def test_a_distribution_that_is_the_gaussian_costs_nothing() -> None:
    wanted = torch.rand(1, 2, 8, 8)
    plane = wanted / wanted.sum((-2, -1), keepdim=True)
    assert float(marginal_loss(plane, wanted, torch.ones(1, 2))) == pytest.approx(0.0, abs=1e-10)
    assert float(marginal_loss(plane.flip(-1), wanted, torch.ones(1, 2))) > 0.01
