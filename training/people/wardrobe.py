"""What there is to wear, and of what each panel of it is made. Names are files of the MakeHuman folder.

Panels are counted as in the garments' meshes; looked at one by one, each drawn in a colour of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from training.people.body import Body
from training.people.clothes import covering, fit_garment, relaxed, tucked, under
from training.people.figure import Figure, dress
from training.people.makehuman import MakeHumanData

CUTS: Mapping[str, tuple[str, ...]] = {
    # T-shirt and tight trousers; T-shirt and shorts with a button; blouse and knee-long skirt; cropped top.
    "female_casualsuit01": (*["shirt"] * 4, "trousers"),
    "female_casualsuit02": (*["trousers"] * 5, "shirt"),
    "female_elegantsuit01": ("trousers", "shirt"),
    "female_sportsuit01": (*["shirt"] * 4, "trousers"),
    # Tracksuit; jersey; shirt with a collar; T-shirt; open jacket over a shirt; loose T-shirt.
    "male_casualsuit01": ("shirt", "shirt", "trousers", "trousers", "shirt"),
    "male_casualsuit02": ("trousers", "trousers", "shirt"),
    "male_casualsuit03": (*["shirt"] * 9, "trousers"),
    "male_casualsuit04": (*["shirt"] * 4, "trousers"),
    "male_casualsuit05": (*["jacket"] * 15, *["shirt"] * 4, "trousers"),
    "male_casualsuit06": (*["shirt"] * 4, "trousers"),
    # Panels 3 and 6 are the shirt's front and collar, 17 to 20 its cuffs; the rest is buttons and jacket.
    "male_elegantsuit01": (
        "trousers", "trousers", "jacket", "shirt", "jacket", "jacket", "shirt", *["jacket"] * 10,
        *["shirt"] * 4, "jacket",
    ),
    # T-shirt under dungarees with buckles and buttons.
    "male_worksuit01": ("shirt", "trousers"),
    "shoes01": (*["shoe"] * 4, "sock"),
    "shoes02": (*["shoe"] * 6, "sock"),
    "shoes03": ("sock", *["shoe"] * 9, "sock", "shoe"),
    "shoes04": (*["shoe"] * 4, "sock"),
    "shoes05": (*["shoe"] * 6, "sock"),
    "shoes06": (*["shoe"] * 6, "sock"),
    **dict.fromkeys(
        (
            "afro01", "bob01", "bob02", "braid01", "long01", "ponytail01",
            "short01", "short02", "short03", "short04",
        ),
        ("hair",),
    ),
    "fedora": ("hat",),
    "fedora_cocked": ("hat",),
}  # fmt: skip
"""Materials of the panels of each garment; the last serves all further panels."""


def dressed(data: MakeHumanData, body: Body, names: Sequence[str]) -> Figure:
    """A body in these garments, hair among them: hair goes under a hat, socks go into trousers.

    names: of CUTS. Raises UsageError when a file is missing or damaged.
    """
    worn = {name: fit_garment(body, data.folder / "clothes" / f"{name}.mhclo") for name in names}
    for name, garment in worn.items():
        if "trousers" in CUTS[name]:
            worn[name] = covering(relaxed(garment), body)
    hats = [garment for name, garment in worn.items() if CUTS[name] == ("hat",)]
    hems = [float(g.vertices_m[:, 1].min()) for name, g in worn.items() if "trousers" in CUTS[name]]
    for name, garment in worn.items():
        if CUTS[name] == ("hair",) and hats:
            worn[name] = tucked(garment, hats[0])
        if "sock" in CUTS[name] and hems:
            material = np.array(CUTS[name])[np.minimum(garment.panels, len(CUTS[name]) - 1)]
            worn[name] = under(garment, material == "sock", hems[0])
    return dress(body, [(garment, CUTS[name]) for name, garment in worn.items()])
