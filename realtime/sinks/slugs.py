"""Names as parts of addresses: letters, digits and underscores."""

import re
import unicodedata
from collections.abc import Sequence


def slug(name: str) -> str:
    """Return a name in small ASCII letters, digits and underscores; never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_") or "unnamed"


def slugs(names: Sequence[str]) -> tuple[str, ...]:
    """Return the slugs of some names; those that would be equal are numbered from 2 on."""
    given: set[str] = set()
    found = []
    for name in names:
        base = unique = slug(name)
        number = 2
        while unique in given:
            unique = f"{base}_{number}"
            number += 1
        given.add(unique)
        found.append(unique)
    return tuple(found)
