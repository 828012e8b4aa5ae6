"""The papers' image networks: person detector, 2D net and 3D heatmap net."""
