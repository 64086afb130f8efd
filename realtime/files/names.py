"""Names of files as text: on Linux they are bytes, and need not be UTF-8."""

import os
import unicodedata
from typing import Final

# Control characters, surrogates, ends of lines and paragraphs.
_STEERING: Final = {"Cc", "Cs", "Zl", "Zp"}


def shown(name: str) -> str:
    r"""Return a name as it can be shown and written anywhere.

    Args:
        name: As the system gives it, with bytes that are not UTF-8 as lone surrogates.

    Returns:
        The same name where all of it can be printed; bytes that are not UTF-8 as ``\xff``, and
        control characters, which would steer a terminal, as ``\x1b``.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace") if _has_raw(name) else name
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _STEERING else c
        for c in text
    )


def _has_raw(name: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in name)
