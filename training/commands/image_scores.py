"""`realtime-train image-scores`: make probabilities of a 2D net's scores."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.images import device_option, weights_of

_EXAMPLES = """
\b
Examples:
  realtime-train image-scores runs/cpn --clips runs/clips-validation
"""


@click.command("image-scores", epilog=_EXAMPLES)
@click.argument("weights", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--clips",
    required=True,
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="What `realtime-train render --form frames --part validation` wrote; may be given again.",
)
@click.option(
    "--crops", type=click.IntRange(min=1), default=800, show_default=True, help="Pictures to look at."
)
@device_option("Where the net runs.")
def image_scores(weights: Path, clips: tuple[Path, ...], crops: int, device: str) -> None:
    """Fit how sure a 2D net may be to people it was not trained on; the training's folder keeps it.

    Training ends with this where it is given --validation. Exported models and records then have scores that
    are the chance of a joint being right.
    """
    from training.images.produce import chosen_device
    from training.images.scores import fit_scores

    file = weights_of(weights)
    curve = fit_scores(file, clips, crops, chosen_device(device))
    click.echo(f"{file}: a joint is right with 1 / (1 + exp(-({curve.gain:.4g} score + {curve.bias:.4g})))")
