"""Motion capture: reading it, splitting it by body, and putting it on other bodies."""
