"""Tags as people read them."""


def label_of(tag: str) -> str:
    """Return a tag's name without the underscores that data sets write for spaces."""
    return tag.replace("_", " ")
