"""Real-time monocular 3D human pose: camera frames in, absolute 3D people out, in metres."""

__version__ = "0.1.0"
