"""Which release of Earmark this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str | None:
    """Return the version, None where it is run from its folder and not installed."""
    try:
        return version("earmark")
    except PackageNotFoundError:
        return None
