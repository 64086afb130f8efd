"""Text from outside as it can be shown: names of files and devices, tags, what servers answer."""

import os
import unicodedata
from typing import Final

# Control characters, surrogates, ends of lines and paragraphs.
_STEERING: Final = {"Cc", "Cs", "Zl", "Zp"}

# Turn the direction of what follows, so that it reads as something else.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(name: str) -> str:
    r"""Return a text as it can be shown and written anywhere, in one line.

    Args:
        name: As it came; the system gives bytes of names that are not UTF-8 as lone surrogates.

    Returns:
        The same text where all of it can be printed; bytes that are not UTF-8 as ``\xff``, and
        control characters, which would steer a terminal, as ``\x1b``.
    """
    text = _decoded(name) if any(map(_is_raw, name)) else name
    return text if text.isprintable() else "".join(map(_escaped, text))


def _is_raw(character: str) -> bool:
    return "\udc80" <= character <= "\udcff"


def _decoded(name: str) -> str:
    # Surrogates that stand for no byte are none of the system's.
    whole = "".join(c if _is_raw(c) or not "\ud800" <= c <= "\udfff" else _escaped(c) for c in name)
    return os.fsencode(whole).decode("utf-8", "backslashreplace")


def _escaped(character: str) -> str:
    is_steering = unicodedata.category(character) in _STEERING or character in _TURNING
    return character.encode("unicode_escape").decode() if is_steering else character
