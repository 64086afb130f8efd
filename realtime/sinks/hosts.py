"""Names of machines as they are given in addresses."""

_LONGEST = 253


def is_host(name: str) -> bool:
    """Whether a name or address in digits may be looked up; what it stands for is not asked.

    Looking up another one fails with errors that are none of the network's.
    """
    try:
        # As Python encodes it for the system; empty or long labels have no such form.
        encoded = name.encode("idna")
    except UnicodeError:
        return False
    is_plain = name.isprintable() and not any(character.isspace() for character in name)
    return is_plain and 0 < len(encoded) <= _LONGEST
