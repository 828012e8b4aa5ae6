"""The geometry every lifter shares: from rays to a normalised pose in a virtual camera, and back.

A person seen off the optical axis looks sheared. So each frame gets a virtual camera at the real
camera's place that looks at the person's mean ray: rays are turned into it, centred and scaled, the
network works there, and its pose is turned back. All shapes start with any leading dimensions `...`;
J = 17. Rays are undistorted (x/z, y/z); axes are x right, y down, z forward.

The virtual camera belongs to the frame: temporal features mix frames whose cameras differ by the
person's motion across the image, a degree or two between neighbours. Written in few operators: on a CPU
a step of these networks costs what its operators cost to start, not their sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from realtime.skeleton import H36M17

JOINTS = len(H36M17)
FEATURES = 3 * JOINTS + 3
"""Per frame: 34 normalised coordinates, 17 scores, log scale, mean ray."""
SCORES = slice(2 * JOINTS, 3 * JOINTS)
"""Where the scores are among them."""

_LIMB_WEIGHT = 0.5
_LIMBS = ("knee", "ankle", "elbow", "wrist")
# A trickle of weight on a person of this angular size, so that no visible joint still gives finite numbers.
_PRIOR_WEIGHT = 1e-3
_PRIOR_SCALE = 0.15
_MIN_SCALE = 0.01
_MIN_FORWARD = 0.05
_MAX_COORDINATE = 6.0
_MAX_RAY = 20.0
_LOG_SCALE_CENTRE = -2.2
_MIN_DEPTH_M = 0.1
_LOG_SIZE_RANGE = (-4.0, 1.0)


def joint_weights() -> Tensor:
    """(17,) weight of each joint in the person's mean and scale: limbs swing, so they count half."""
    return torch.tensor([_LIMB_WEIGHT if j.endswith(_LIMBS) else 1.0 for j in H36M17.joints])


@dataclass(frozen=True, slots=True)
class View:
    """One frame's person in the virtual camera.

    turn: (..., 3, 3), row vectors in real camera axes times it are in virtual axes. rays: (..., 17, 2) in
    the virtual camera. share: (..., 1, 17) of each joint in means, 0 where it is missing.
    scale: (..., 1) root mean square distance of the rays from their mean.
    features: (..., FEATURES) what a network is fed.
    """

    turn: Tensor
    rays: Tensor
    share: Tensor
    scale: Tensor
    features: Tensor


def facing(ray: Tensor) -> Tensor:
    """The least rotation that takes the direction of a ray (..., 1, 2) to z, (..., 3, 3) for row vectors.

    It is two reflections: at the plane square to the unit vector s halfway between the direction and z, then
    of z itself, that is (I - 2 s' s) diag(1, 1, -1).
    """
    halfway = _unit(_with_one(ray)) + torch.tensor([[0.0, 0.0, 1.0]], dtype=ray.dtype)
    halfway = _unit(halfway)
    twice = halfway * torch.tensor([[2.0, 2.0, -2.0]], dtype=ray.dtype)
    return torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=ray.dtype)) - halfway.transpose(-1, -2) @ twice


def _with_one(rays: Tensor) -> Tensor:
    """Rays (..., 2) as points (..., 3) at z = 1."""
    return functional.pad(rays, (0, 1), value=1.0)


def _unit(vectors: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / length


def view(rays: Tensor, score: Tensor, weights: Tensor) -> View:
    """See a person in their own virtual camera.

    rays: (..., 17, 2), score: (..., 17) in [0, 1], 0 = missing (its ray may be anything, NaN too).
    weights: `joint_weights()`.
    """
    zero = torch.zeros((), dtype=rays.dtype)
    seen = (score > 0).unsqueeze(-1)
    rays = torch.where(seen, rays, zero).clamp(-_MAX_RAY, _MAX_RAY)
    prior = torch.tensor([_PRIOR_WEIGHT], dtype=rays.dtype)
    total = functional.linear(score, weights.unsqueeze(0), prior)
    weight = score * weights / total
    share = weight.unsqueeze(-2)
    mean = share @ rays

    turn = facing(mean)
    sideways, forward = torch.split(_with_one(rays) @ turn, [2, 1], dim=-1)
    virtual = sideways / forward.clamp(min=_MIN_FORWARD)
    offset = virtual - share @ virtual
    square = (weight * offset.square().sum(-1)).sum(-1, keepdim=True) + prior * _PRIOR_SCALE**2 / total
    scale = square.sqrt().clamp(min=_MIN_SCALE)

    normal = torch.where(seen, offset, zero).flatten(-2) / scale
    log_scale = scale.log() - _LOG_SCALE_CENTRE
    features = torch.cat(
        [normal.clamp(-_MAX_COORDINATE, _MAX_COORDINATE), score, log_scale, mean.flatten(-2)], dim=-1
    )
    return View(turn, virtual, share, scale, features)


def distance(log_size: Tensor, scale: Tensor) -> Tensor:
    """How far a person is along the virtual camera's axis, metres.

    log_size: log of the person's apparent size in metres. scale: `View.scale`; both of the same shape.
    """
    return log_size.clamp(*_LOG_SIZE_RANGE).exp() / scale


def place(seen: View, pose: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a virtual-camera answer into the real camera's.

    pose: (..., 17, 3) root-relative metres in virtual axes. depth: (..., 1, 1) the pelvis's `distance`.
    Sideways the pelvis goes where the visible joints' rays, given pose and depth, put it on average.
    Returns the pose in real camera axes and the pelvis's z in the real camera, metres, (...,).
    """
    across, ahead = torch.split(pose, [2, 1], dim=-1)
    sideways = seen.share @ (seen.rays * (ahead + depth) - across)
    root_depth = (torch.cat([sideways, depth], dim=-1) * seen.turn[..., 2:, :]).sum((-2, -1))
    return pose @ seen.turn.transpose(-1, -2), root_depth.clamp(min=_MIN_DEPTH_M)


def upright(seen: View, pose: Tensor) -> Tensor:
    """Turn a pose (..., 17, 3) in virtual axes back to real camera axes."""
    return pose @ seen.turn.transpose(-1, -2)
