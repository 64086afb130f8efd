"""``earmark teach``: tags of one's own from a few clips."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.models.shown import shown

from .options import add_model_options, load_base_bundle

if TYPE_CHECKING:
    from earmark.models.bundle.load import Bundle
    from earmark.models.bundle.metadata import BundleMetadata
    from earmark.models.taught.folder import TaughtFolder
    from earmark.models.taught.tag import TaughtTag
    from earmark.realtime.teaching.clips import ClipSpan
    from earmark.realtime.teaching.teacher import Assignment

_EXPLANATION = (
    "NAME CLIP... teaches a tag from 3 to 20 clips of its sound, each a file of at most 30 s or a "
    "span of one, such as yard.wav@3.2-4.5 (seconds)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark teach``."""
    parser.add_argument("words", nargs="*", metavar="NAME CLIP", help=_EXPLANATION)
    actions = parser.add_mutually_exclusive_group()
    for name, meaning in (
        ("list", "the tags that were taught, and what was expected of them"),
        ("test", "NAME CLIP...: whether clips are recognized as a taught tag"),
        ("export", "NAME FILE: copy a taught tag to a file"),
        ("import", "FILE: take over a tag that was exported, if it was taught on this bundle"),
        ("remove", "NAME: forget a taught tag"),
        ("again", "[NAME...]: teach tags anew from the same clips, those that no longer fit the "
                  "bundle if none is named"),
    ):  # fmt: skip
        actions.add_argument(
            f"--{name}", dest="action", action="store_const", const=name, help=meaning
        )
    parser.set_defaults(action="teach")
    parser.add_argument(
        "--background",
        nargs="+",
        default=[],
        metavar="FILE",
        help="recordings without the sound, such as of the room where it is to be heard",
    )
    parser.add_argument(
        "--alarms", type=float, default=1.0, metavar="N", help="false alarms an hour to allow"
    )
    parser.add_argument("--replace", action="store_true", help="take the place of a taught tag")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what is to be expected, and save nothing"
    )
    add_model_options(parser, threads=1)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    from earmark.models.errors import UsageError
    from earmark.models.taught.folder import LEFT_OUT, SETTING, TaughtFolder, taught_folder

    path = taught_folder()
    if path is None:
        raise UsageError(f"taught tags are left out by {SETTING}={LEFT_OUT}; unset it to teach")
    action = {
        "teach": _teach,
        "list": _list,
        "test": _test,
        "export": _export,
        "import": _import,
        "remove": _remove,
        "again": _again,
    }[args.action]
    return action(args, TaughtFolder(path))


def _words(args: argparse.Namespace, wanted: str, *, at_least: int, at_most: int) -> list[str]:
    from earmark.models.errors import UsageError

    if not at_least <= len(args.words) <= at_most:
        flag = "" if args.action == "teach" else f" --{args.action}"
        given = " ".join(args.words) or "nothing"
        raise UsageError(f"give `earmark teach{flag} {wanted}`, got {given}")
    return list(args.words)


def _teach(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    from earmark.models.errors import UsageError
    from earmark.realtime.teaching.clips import ClipSpan
    from earmark.realtime.teaching.teacher import Assignment

    name, *clips = _words(args, "NAME CLIP...", at_least=1, at_most=1_000)
    assignment = Assignment(
        name,
        [ClipSpan.parse(clip) for clip in clips],
        background=[ClipSpan.parse(clip) for clip in args.background],
        alarms_per_hour=args.alarms,
    )
    # Known before the work is done, rather than after it.
    if not args.replace and (before := folder.look_up(name.strip())):
        raise UsageError(f"the tag {before.name!r} was taught already; --replace takes its place")
    bundle = load_base_bundle(args)
    _learn(args, folder, bundle, assignment, replace=args.replace)
    return 0


def _again(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    from earmark.models.errors import EarmarkError
    from earmark.models.taught.tag import BaseBundle
    from earmark.realtime.teaching.clips import ClipSpan
    from earmark.realtime.teaching.teacher import Assignment

    named = [folder.find(name) for name in args.words]
    bundle = load_base_bundle(args)
    base = BaseBundle.of(bundle.metadata)
    outdated = [t for t in folder.tags() if t.base.name == base.name and t.base != base]
    status = 0
    for tag in named or outdated:
        alarms = tag.measured.get("allowed_alarms_per_hour", args.alarms)
        try:
            assignment = Assignment(
                tag.name,
                [ClipSpan.parse(clip) for clip in tag.clips],
                background=[ClipSpan.parse(clip) for clip in tag.background],
                alarms_per_hour=float(str(alarms)),
            )
            _learn(args, folder, bundle, assignment, replace=True)
        except EarmarkError as error:
            _tell(f"{tag.name}: {error}")
            status = 1
    if not (named or outdated):
        _tell("all taught tags fit the bundle: nothing is to be taught again")
    return status


def _learn(
    args: argparse.Namespace,
    folder: "TaughtFolder",
    bundle: "Bundle",
    assignment: "Assignment",
    *,
    replace: bool,
) -> None:
    import dataclasses

    from earmark.models.bundle.background import read_background
    from earmark.models.bundle.metadata import shipped_bundle
    from earmark.realtime.teaching.teacher import Teacher

    background = read_background(args.bundle or shipped_bundle(), bundle.metadata)
    rivals = _rivals(folder, bundle.metadata, but=assignment.name)
    teacher = Teacher(bundle, background, tell=_tell)
    tag, expected = teacher.teach(dataclasses.replace(assignment, rivals=rivals))
    print(_expected(tag))
    if expected.recall < 0.5:
        _tell("its own clips are hardly recognized: give more of them, or mark where the sound is")
    if not args.dry_run:
        print(f"saved {shown(str(folder.save(tag, replace=replace)))}")


def _rivals(folder: "TaughtFolder", metadata: "BundleMetadata", *, but: str) -> "list[ClipSpan]":
    """Return the clips of the other taught tags, as far as they are still there."""
    from earmark.models.taught.tag import BaseBundle
    from earmark.realtime.teaching.clips import ClipSpan

    others = [
        tag
        for tag in folder.tags()
        if tag.base.name == BaseBundle.of(metadata).name and tag.name.lower() != but.lower()
    ]
    clips = [ClipSpan.parse(clip) for tag in others for clip in tag.clips]
    return [clip for clip in clips if clip.path.is_file()]


def _list(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    from earmark.models.bundle.metadata import BundleMetadata, shipped_bundle
    from earmark.models.taught.tag import BaseBundle

    _words(args, "", at_least=0, at_most=0)
    base = BaseBundle.of(BundleMetadata.read(args.bundle or shipped_bundle()))
    tags, broken = folder.readable()
    for tag in tags:
        fits = "" if tag.base.checksum == base.checksum else f" [not for this {base.name}]"
        print(f"{_expected(tag)}{fits}")
    for problem in broken:
        _tell(problem)
    if not tags and not broken:
        _tell(f"no tag was taught yet: there is none in {folder.path}")
    return 1 if broken else 0


def _test(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    from earmark.models.taught.layer import check_base, taught_on, with_taught
    from earmark.realtime.teaching.clips import ClipSpan
    from earmark.realtime.teaching.trial import hear

    name, *clips = _words(args, "NAME CLIP...", at_least=2, at_most=10_000)
    tag = folder.find(name)
    bundle = load_base_bundle(args)
    check_base(tag, bundle.metadata)
    tagger = with_taught(bundle, taught_on(bundle.metadata)[0])
    right = 0
    for clip in clips:
        heard = hear(tagger, ClipSpan.parse(clip).read_any_length())
        is_heard = tag.name in heard.taught
        right += is_heard
        others = [other for other in heard.taught if other != tag.name]
        also = f"  (also heard: {', '.join(others)})" if others else ""
        verdict = "heard" if is_heard else "not heard"
        print(f"{verdict:9}  {heard.highest[tag.name]:4.0%}  {shown(clip)}{also}")
    print(f"{right} of {len(clips)} clips heard as {tag.name}")
    return 0


def _export(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    from earmark.models.errors import UsageError
    from earmark.models.taught.folder import write_tag

    name, file = _words(args, "NAME FILE", at_least=2, at_most=2)
    tag, path = folder.find(name), Path(file)
    if path.exists() and not args.replace:
        raise UsageError(f"{path} exists already; --replace writes over it")
    write_tag(tag, path)
    print(f"wrote {shown(str(path))}")
    return 0


def _import(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    from earmark.models.bundle.metadata import BundleMetadata, shipped_bundle
    from earmark.models.taught.folder import checked_name, read_tag
    from earmark.models.taught.layer import check_base, described_with

    (file,) = _words(args, "FILE", at_least=1, at_most=1)
    tag = read_tag(Path(file))
    checked_name(tag.name)
    metadata = BundleMetadata.read(args.bundle or shipped_bundle())
    check_base(tag, metadata)
    described_with(metadata, [tag])
    print(_expected(tag))
    print(f"saved {shown(str(folder.save(tag, replace=args.replace)))}")
    return 0


def _remove(args: argparse.Namespace, folder: "TaughtFolder") -> int:
    (name,) = _words(args, "NAME", at_least=1, at_most=1)
    print(f"removed {folder.remove(name).name}")
    return 0


def _expected(tag: "TaughtTag") -> str:
    from earmark.realtime.teaching.lesson import described

    return f"{tag.name}: {described(tag.measured)}"


def _tell(line: str) -> None:
    print(f"earmark: {shown(line)}", file=sys.stderr)
