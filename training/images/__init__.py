"""The papers' image networks trained on rendered people: crops and frames, augmentation, losses, the loop."""
