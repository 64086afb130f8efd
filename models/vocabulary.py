"""The ordered names of the tags a model can give."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TagVocabulary:
    """Tags in the order of a model's outputs.

    Args:
        names: Display names, each one once.
        audioset_ids: For each name its AudioSet id (``/m/09x0r``), or an empty string.

    Raises:
        ValueError: If there is no tag, a name is empty or given twice, or the lengths differ.
    """

    names: tuple[str, ...]
    audioset_ids: tuple[str, ...] = ()
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a vocabulary needs at least one tag, got none")
        if "" in self.names:
            raise ValueError(f"tag {self.names.index('')} has an empty name")
        index = {name: i for i, name in enumerate(self.names)}
        if len(index) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise ValueError(f"each tag may be listed once, but these are repeated: {twice}")
        if not self.audioset_ids:
            object.__setattr__(self, "audioset_ids", ("",) * len(self.names))
        if len(self.audioset_ids) != len(self.names):
            raise ValueError(
                f"{len(self.names)} tags need as many AudioSet ids, got {len(self.audioset_ids)}"
            )
        object.__setattr__(self, "_index", index)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._found(name) is not None

    def index_of(self, name: str) -> int:
        """Return the position of a tag, by its name or as people read that: with spaces.

        Raises:
            KeyError: If there is no such tag; the message lists the nearest names.
        """
        found = self._found(name)
        if found is None:
            raise KeyError(self._unknown(name))
        return found

    def _found(self, name: str) -> int | None:
        return self._index.get(name, self._index.get(name.replace(" ", "_")))

    def _unknown(self, name: str) -> str:
        import difflib

        by_lower = {known.lower(): known for known in self.names}
        near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(by_lower[n] for n in near)}?" if near else ""
        return f"unknown tag {name!r}; {hint or 'earmark info lists the tags of a bundle'}"
