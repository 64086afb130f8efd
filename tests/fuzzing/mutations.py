"""Ways in which a file can be spoiled, by accident or on purpose; all follow from a seed."""

import struct
from collections.abc import Sequence

import numpy as np

Generator = np.random.Generator

#: What programs expect least in a field of so many bytes.
_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

_MAGICS = (
    b"RIFF\xff\xff\xff\xffWAVEfmt ", b"RF64\xff\xff\xff\xffWAVEds64", b"fLaC\x80\x00\x00\x22",
    b"OggS\x00\x02", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", b"\xff\xfb\x90\x64",
    b"FORM\xff\xff\xff\xffAIFF", b"wvpk", b"TTA1",
    b"\x00\x00\x00\x20ftypM4A ", b"\x1aE\xdf\xa3", b"caff\x00\x01\x00\x00",
    b"Creative Voice File\x1a",
    b".snd\x00\x00\x00\x18", b"riff\x2e\x91\xcf\x11", b"MAC ", b"#!AMR\n",
)  # fmt: skip

# Names that begin a part whose size stands behind them.
_CHUNKS = (b"fmt ", b"data", b"fact", b"RIFF", b"ds64", b"COMM", b"SSND", b"FORM", b"LIST")
_ATOMS = (b"moov", b"mdat", b"stsz", b"stco", b"stsd", b"mp4a", b"trak", b"esds", b"stts", b"stsc")


def mutate(content: bytes, others: Sequence[bytes], generator: Generator) -> bytes:
    """Return a good file spoiled in one to three ways.

    Args:
        content: Of the file.
        others: Good files that parts are taken from.
        generator: Decides everything.
    """
    spoiled = bytearray(content)
    for _ in range(int(generator.integers(1, 4))):
        way = _WAYS[generator.integers(len(_WAYS))]
        spoiled = way(spoiled, others, generator)
    return bytes(spoiled)


def _flip_bits(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    for at in generator.integers(0, max(1, len(content)), int(2 ** generator.uniform(0, 9))):
        if content:
            content[at] ^= 1 << int(generator.integers(8))
    return content


def _flip_header(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    for at in generator.integers(0, 200, int(generator.integers(1, 8))):
        if at < len(content):
            content[at] = int(generator.integers(256))
    return content


def _set_extreme(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    size = int(generator.choice([1, 2, 4, 8]))
    value = int(generator.choice(_EXTREMES)) & (2 ** (8 * size) - 1)
    at = int(2 ** generator.uniform(0, 9)) - 1
    order = "little" if generator.random() < 0.5 else "big"
    if at + size <= len(content):
        content[at : at + size] = value.to_bytes(size, order)
    return content


def _set_size(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    """Let a chunk or atom state another size."""
    names = [name for name in (*_CHUNKS, *_ATOMS) if name in content]
    if not names:
        return _set_extreme(content, others, generator)
    name = names[generator.integers(len(names))]
    at = content.index(name)
    value = int(generator.choice([*_EXTREMES, len(content), len(content) * 1_000]))
    packed = struct.pack("<I" if name in _CHUNKS[:5] else ">I", value & 0xFFFFFFFF)
    at = at - 4 if name in _ATOMS else at + 4
    if at >= 0:
        content[at : at + 4] = packed
    return content


def _set_wav_field(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    """Set format, channels, rate, bytes a second, alignment or bits of a WAV."""
    at = content.find(b"fmt ")
    if at < 0 or at + 24 > len(content):
        return _set_extreme(content, others, generator)
    offset, size = [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2), (22, 2)][generator.integers(6)]
    value = int(generator.choice([*_EXTREMES, 3, 4, 8, 17, 100, 8_000, 200_000, 1_000_000]))
    content[at + offset : at + offset + size] = (value % 256**size).to_bytes(size, "little")
    return content


def _set_flac_field(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    """Set rate, channels, bits and length of a FLAC, which lie in eight bytes."""
    if not content.startswith(b"fLaC") or len(content) < 42:
        return _set_extreme(content, others, generator)
    rate = int(generator.choice([0, 1, 2, 10, 100, 7_999, 655_350, 1_048_575]))
    channels, bits = int(generator.integers(8)), int(generator.integers(32))
    length = int(generator.choice([0, 1, 2**20, 2**36 - 1]))
    packed = rate << 44 | channels << 41 | bits << 36 | length
    content[18:26] = packed.to_bytes(8, "big")
    return content


def _not_numbers(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    """Put NaN, infinite and huge floats in the place of samples."""
    value = struct.pack("<f", float(generator.choice([np.nan, np.inf, -np.inf, 3e38, 1e-45])))
    start = min(len(content), 60) + 4 * int(generator.integers(0, 1 + len(content) // 8))
    count = int(generator.integers(1, 1_000))
    content[start : start + 4 * count] = value * count
    return content


def _truncate(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    if generator.random() < 0.5:
        return content[: int(generator.integers(0, len(content) + 1))]
    return content[: int(2 ** generator.uniform(0, 10))]


def _cut_out(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    start, end = sorted(int(at) for at in generator.integers(0, len(content) + 1, 2))
    return content[:start] + content[end:]


def _repeat(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    start, end = sorted(int(at) for at in generator.integers(0, len(content) + 1, 2))
    times = int(generator.integers(2, 6))
    return (content[:start] + content[start:end] * times + content[end:])[: 1 << 21]


def _splice(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    other = others[generator.integers(len(others))]
    start, end = sorted(int(at) for at in generator.integers(0, len(other) + 1, 2))
    at = int(generator.integers(0, len(content) + 1))
    return content[:at] + other[start:end] + content[at:]


def _other_head(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    other = others[generator.integers(len(others))]
    length = int(generator.integers(4, 200))
    return bytearray(other[:length]) + content[length:]


def _random(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    magic = _MAGICS[generator.integers(len(_MAGICS))]
    return bytearray(magic + generator.bytes(int(2 ** generator.uniform(0, 16))))


def _zeros(content: bytearray, others: Sequence[bytes], generator: Generator) -> bytearray:
    start, end = sorted(int(at) for at in generator.integers(0, len(content) + 1, 2))
    content[start:end] = bytes(end - start)
    return content


_WAYS = (
    _flip_bits, _flip_header, _set_extreme, _set_size, _set_wav_field, _set_flac_field,
    _not_numbers, _truncate, _cut_out, _repeat, _splice, _other_head, _random, _zeros,
)  # fmt: skip
