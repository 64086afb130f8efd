"""What a tag is called, what it is a kind of, and how a bundle says so."""

import graphlib
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .json_files import object_of, text_of

#: Where a listener would look for a tag, in the order of lists and colours.
FAMILIES: Final = (
    "Voice",
    "People",
    "Animal",
    "Music",
    "Nature",
    "Vehicle",
    "Home",
    "Tool",
    "Signal",
    "Impact",
    "Noise",
)

#: Of one tag.
MOST_PARENTS: Final = 16

#: Of one bundle.
MOST_LANGUAGES: Final = 50


@dataclass(frozen=True)
class Tag:
    """A tag, as its data set, as people and as AudioSet know it.

    Args:
        label: The data set's; it stays what it is.
        name: As people say it.
        audioset_id: ``/m/09x0r``, or an empty string.
        parents: Labels of what the sound always is as well, the nearest only.
        family: One of ``FAMILIES``, or an empty string.
        translations: Language (``de``) -> name; where there is none, ``name`` is shown.
    """

    label: str
    name: str
    audioset_id: str = ""
    parents: tuple[str, ...] = ()
    family: str = ""
    translations: Mapping[str, str] = field(default_factory=dict)


def as_tables(tags: Sequence[Tag]) -> list[dict[str, object]]:
    """Return the list of tags of a ``bundle.json``."""
    return [
        {
            "label": tag.label,
            "name": tag.name,
            "id": tag.audioset_id,
            "parents": list(tag.parents),
            "family": tag.family,
        }
        for tag in tags
    ]


def names_by_language(tags: Sequence[Tag]) -> dict[str, dict[str, str]]:
    """Return for each language a table from label to name."""
    languages = sorted({language for tag in tags for language in tag.translations})
    return {
        language: {
            tag.label: tag.translations[language] for tag in tags if language in tag.translations
        }
        for language in languages
    }


def from_tables(
    tables: Sequence[Mapping[str, object]], languages: Mapping[str, object]
) -> tuple[Tag, ...]:
    """Return the tags of a ``bundle.json``.

    Args:
        tables: One of each tag; in bundles that know labels only, the label is its ``name``.
        languages: Language -> table from label to name.

    Raises:
        KeyError: If a tag has no name.
        TypeError: If a value is of another type.
        ValueError: If a text is empty, too long or not printable, a name is given twice, a parent
            or a translated label is no tag, or a tag is its own ancestor.
    """
    names = _translations(languages)
    tags = tuple(_tag(table, names) for table in tables)
    labels = {tag.label for tag in tags}
    for language, translated in names.items():
        if unknown := sorted(set(translated) - labels):
            raise ValueError(
                f"the names in {language!r} hold {reprlib.repr(unknown[0])}, which is no tag"
            )
    owners: dict[str, str] = {}
    for tag in tags:
        if owners.setdefault(tag.name, tag.label) != tag.label:
            both = f"{reprlib.repr(owners[tag.name])} and {reprlib.repr(tag.label)}"
            raise ValueError(f"{both} are both named {reprlib.repr(tag.name)}")
        if unknown := sorted(set(tag.parents) - labels):
            child, parent = reprlib.repr(tag.label), reprlib.repr(unknown[0])
            raise ValueError(f"{child} has the parent {parent}, which is no tag")
    check_no_cycle(tags)
    return tags


def check_no_cycle(tags: Sequence[Tag]) -> None:
    """Do nothing, once no tag is known to be its own ancestor.

    Raises:
        ValueError: If one is; the message says by which way.
    """
    try:
        graphlib.TopologicalSorter({tag.label: tag.parents for tag in tags}).prepare()
    except graphlib.CycleError as error:
        way = " > ".join(reprlib.repr(label) for label in error.args[1][:5])
        raise ValueError(f"a tag is its own ancestor: {way}") from error


def _tag(table: Mapping[str, object], names: Mapping[str, Mapping[str, str]]) -> Tag:
    name = _filled(table["name"], "the name of a tag")
    label = _filled(table.get("label", name), "the label of a tag")
    parents = table.get("parents", [])
    if not isinstance(parents, list):
        raise TypeError(f"the parents of {label!r} must be a list")
    if len(parents) > MOST_PARENTS:
        raise ValueError(f"{label!r} may have {MOST_PARENTS} parents, got {len(parents)}")
    return Tag(
        label=label,
        name=name,
        audioset_id=text_of(table.get("id", table.get("audioset_id", "")), "the id of a tag"),
        parents=tuple(_filled(parent, f"a parent of {label!r}") for parent in parents),
        family=text_of(table.get("family", ""), "the family of a tag"),
        translations={
            language: translated[label]
            for language, translated in names.items()
            if label in translated
        },
    )


def _translations(languages: Mapping[str, object]) -> dict[str, dict[str, str]]:
    if len(languages) > MOST_LANGUAGES:
        raise ValueError(f"there may be {MOST_LANGUAGES} languages, got {len(languages)}")
    for language in languages:
        if not re.fullmatch("[a-z]{2,3}", language):
            raise ValueError(f"a language must be a code such as 'de', got {language[:40]!r}")
    return {
        language: {
            label: _filled(name, f"a name in {language!r}")
            for label, name in object_of(table, f"the names in {language!r}").items()
        }
        for language, table in languages.items()
    }


def _filled(value: object, name: str) -> str:
    text = text_of(value, name)
    if not text.strip():
        raise ValueError(f"{name} is empty")
    return text
