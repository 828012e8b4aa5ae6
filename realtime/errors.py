"""The error tree. Every message says what is wrong and what would mend it, on one line."""

from __future__ import annotations


class PoseError(Exception):
    """Any error this project raises on purpose.

    `exit_code` is what a command returns for it: 2 when the user's words or files are at fault,
    1 when something failed while running.
    """

    exit_code = 1

    def __str__(self) -> str:
        return " ".join(super().__str__().split())


class UsageError(PoseError):
    """The options or arguments contradict each other or are out of range."""

    exit_code = 2


class SourceError(PoseError):
    """A camera, file or stream could not be opened or read."""

    exit_code = 2


class SourceLostError(SourceError):
    """A source that had been delivering frames stopped before its end."""

    exit_code = 1


class CameraFileError(PoseError):
    """A camera file is missing, unreadable, or does not fit the image."""

    exit_code = 2


class FloorFileError(PoseError):
    """A floor file is missing, unreadable, or holds no floor."""

    exit_code = 2


class ManifestError(PoseError):
    """A model manifest is missing, unreadable, or contradicts its model."""

    exit_code = 2


class ModelError(PoseError):
    """A model file is absent, damaged, or not the one its manifest names."""


class FetchError(ModelError):
    """Published weights could not be downloaded, checked, converted or stored."""


class EngineError(PoseError):
    """An engine could not be opened, or failed while running."""


class EngineUnavailableError(EngineError):
    """The back end asked for is not installed, or this machine cannot run it."""


class RecordError(PoseError):
    """An output (record, video) could not be written."""


class PipelineError(PoseError):
    """A pipeline thread failed; the cause is chained."""


class HungError(PipelineError):
    """A pipeline thread has been at one piece of work for too long."""


class RecordFileError(PoseError):
    """A record to be read is missing or is none."""

    exit_code = 2


class SessionError(PoseError):
    """A session to be replayed is missing, damaged, or lacks what is asked of it."""

    exit_code = 2
