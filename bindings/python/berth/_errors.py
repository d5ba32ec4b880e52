"""What goes wrong, as exceptions: each is a berth.Error and the built-in exception that it resembles."""


class Error(Exception):
    """Any failure of berth. The message names the file, the field and the value."""


class ArgumentError(Error, ValueError):
    """An option or input of the caller's."""


class TooLongError(Error, ValueError):
    """More ids than the model has positions. (Text is cut instead.)"""


class NotFoundError(Error, FileNotFoundError):
    """No such file or directory, or no permission."""


class CorruptFileError(Error, ValueError):
    """A file is not what it claims to be."""


class UnsupportedError(Error, RuntimeError):
    """Well-formed, but not something berth does."""


class NonFiniteError(Error, RuntimeError):
    """NaN or infinity in the weights or in a result."""


class OutOfMemoryError(Error, MemoryError):
    """Memory is lacking."""


class InternalError(Error, RuntimeError):
    """A bug in berth."""


# By berth_status.
BY_STATUS = {
    1: ArgumentError,
    2: NotFoundError,
    3: CorruptFileError,
    4: UnsupportedError,
    5: TooLongError,
    6: NonFiniteError,
    7: OutOfMemoryError,
    8: InternalError,
}
