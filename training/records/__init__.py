"""What a 2D net says of rendered people, beside the truth."""

from pathlib import Path

BLAZEPOSE_ERRORS = Path(__file__).with_name("blazepose_errors.yaml")
"""The 2D error model fitted on rendered people, of the landmark net that is the default."""

BLAZEPOSE_SAMPLE = Path(__file__).with_name("blazepose_sample.npz")
"""A few of the records it was fitted to: to look at, and for tests."""

OWN_ERRORS = Path(__file__).with_name("integral-regression_errors.yaml")
"""That of this project's own `integral-regression`, on bodies and motion it was not trained on."""

OWN_SAMPLE = Path(__file__).with_name("integral-regression_sample.npz")
"""A few of the records it was fitted to."""
