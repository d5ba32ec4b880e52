"""Python values as arguments of C, or the exception that says what is wrong with them."""

import operator
import os
import sys

from ._errors import ArgumentError

MOST_THREADS = 2**31 - 1  # that an int32_t can ask for; the library has a limit of its own


def integer(value, name, least=0, most=sys.maxsize):
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}") from None
    if number < least:
        raise ArgumentError(f"{name}: expected at least {least}, got {number}")
    if number > most:  # which ctypes would quietly make another number of
        raise ArgumentError(f"{name}: expected at most {most}, got {number}")
    return number


def words(value):
    """A list of words, of which a single one may be given as it is."""
    return [value] if isinstance(value, str) else list(value)


def utf8(text, what):
    """The bytes of a str; what says which one it is."""
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected str, got {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what}: not valid Unicode text: character {error.start} is a lone surrogate") from None


def c_string(text, what):
    """The bytes of an argument that ends at its first NUL; None stays None."""
    return None if text is None else _without_nul(utf8(text, what), what)


def c_path(path, what):
    """The same of a path."""
    return None if path is None else _without_nul(os.fsencode(path), what)


def _without_nul(data, what):
    if b"\0" in data:
        raise ArgumentError(f"{what}: has a NUL character: {data[:80]!r}")
    return data
