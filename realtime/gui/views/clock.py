"""Times as people read them."""


def clock(seconds: float, *, decimals: int = 0) -> str:
    """Return hours, minutes and seconds, such as ``1:02:03`` or ``0:07.5``."""
    sign = "-" if round(seconds, decimals) < 0 else ""
    minutes, rest = divmod(round(abs(seconds), decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 2 if decimals == 0 else 3 + decimals
    text = f"{rest:0{width}.{decimals}f}"
    return f"{sign}{hours}:{minutes:02}:{text}" if hours else f"{sign}{minutes}:{text}"
