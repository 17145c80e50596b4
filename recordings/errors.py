"""What can go wrong with a recording, as types; every text says what to do."""


class RecordingError(Exception):
    """Base of everything `recordings` raises on purpose."""


class NotFound(RecordingError):
    """Not in this bag, or gone from the storage."""


class KeyUnavailable(RecordingError):
    """The master key that wrapped a data key is not at hand, or the data key was destroyed."""


class Damaged(RecordingError):
    """Stored bytes are not what was written: altered, cut short, or another file's."""


class StorageFull(RecordingError):
    """No room to seal; the journals stay and sealing is tried again."""


class SealingFailed(RecordingError):
    """The journals could not be made into a bag; they stay, and `Archive.finish` may be tried again."""


class NotYet(RecordingError):
    """Something else has to be sealed first; try again in some seconds."""
