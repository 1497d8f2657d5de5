"""Errors that are somebody's to mend, told in words: what was found, what was wanted, what to do."""


class AuricleError(Exception):
    """A mistake in the input, the settings or the machine. The command prints it without a traceback."""


class DataError(AuricleError):
    """Recordings, packs or label files that cannot be used."""


class SettingsError(AuricleError):
    """Settings that contradict each other or name something that does not exist."""


class ModelError(AuricleError):
    """A model, checkpoint or run that cannot be read, or does not fit."""


class DeviceError(AuricleError):
    """A microphone, a sound system or an accelerator that is missing or stopped working."""
