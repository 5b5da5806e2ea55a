"""Ways to damage the bytes of a valid file, drawn from a generator of random numbers."""

import gzip
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

Mutation: TypeAlias = Callable[[bytearray, Random], bytes]

# Texts that parsers stumble over, or that something executes or opens.
TOKENS: Sequence[bytes] = (
    *(
        b"",
        b"0",
        b"-1",
        b"1e30",
        b"1e308",
        b"1e400",
        b"-1e400",
        b"nan",
        b"inf",
        b"96.5",
        b"2147483648",
        b"9" * 400,
        b"9" * 5000,
    ),
    *(
        b"99999999999999999999",
        b"/etc/passwd",
        b"../../../../etc/passwd",
        b"/dev/zero",
        b"/dev/stdin",
        b"|touch EXECUTED",
    ),
    *(
        b"$(touch EXECUTED)",
        b"%n%s%s%n",
        b"%05d",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
        b"\x1b[2J\x07",
    ),
    *(b"[" * 3000, b"{" * 3000, b"\n" * 3000, b"(" * 200, b'"', b"'''", b",,,,", b"true", b"null", b"LIST", b"LOCAL"),
    b"__import__('os').system('touch EXECUTED')",
    b"!!python/object/apply:os.system ['touch EXECUTED']",
    b"cos\nsystem\n(S'touch EXECUTED'\ntR.",
)
_HEAD_BYTES = 400


def _place(data: bytearray, random: Random) -> int:
    """A place in the file, in its header more often than by its length."""
    head = random.random() < 0.6
    return random.randrange(max(1, min(len(data), _HEAD_BYTES) if head else len(data)))


def _flip(data: bytearray, random: Random) -> bytes:
    for _ in range(random.choice((1, 1, 1, 4, 32))):
        place = _place(data, random)
        if place < len(data):
            data[place] ^= 1 << random.randrange(8)
    return bytes(data)


def _overwrite(data: bytearray, random: Random) -> bytes:
    place, count = _place(data, random), random.choice((1, 2, 4, 8, 64))
    value = random.choice((b"\x00", b"\xff", b"\x7f", b"\x80", b"\x01"))
    data[place : place + count] = value * count if random.random() < 0.6 else random.randbytes(count)
    return bytes(data)


def _cut(data: bytearray, random: Random) -> bytes:
    return bytes(data[: random.randrange(len(data) + 1)])


def _delete(data: bytearray, random: Random) -> bytes:
    place = _place(data, random)
    del data[place : place + random.choice((1, 2, 10, 100, 1000))]
    return bytes(data)


def _double(data: bytearray, random: Random) -> bytes:
    place, count = _place(data, random), random.choice((1, 10, 100, 1000))
    data[place:place] = data[place : place + count] * random.choice((1, 2, 50))
    return bytes(data)


def _insert(data: bytearray, random: Random) -> bytes:
    place = _place(data, random)
    data[place:place] = random.choice(TOKENS)
    return bytes(data)


def _replace_word(data: bytearray, random: Random) -> bytes:
    """A token in the place of a word or number of a text or header."""
    start = _place(data, random)
    while start > 0 and (data[start - 1 : start].isalnum() or data[start - 1] in b".+-_"):
        start -= 1
    end = start
    while end < len(data) and end - start < 100 and (data[end : end + 1].isalnum() or data[end] in b".+-_"):
        end += 1
    data[start:end] = random.choice(TOKENS)
    return bytes(data)


def _lines(data: bytearray, random: Random) -> bytes:
    """Lines swapped, dropped or doubled."""
    lines = bytes(data).split(b"\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(3):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            del lines[first]
        case _:
            lines.insert(second, lines[first])
    return b"\n".join(lines)


BYTES: Sequence[Mutation] = (_flip, _overwrite, _cut, _delete, _double, _insert)
TEXT: Sequence[Mutation] = (*BYTES, _replace_word, _replace_word, _lines)


def damaged(data: bytes, random: Random, ways: Sequence[Mutation] = TEXT) -> bytes:
    """The bytes after one to three mutations."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(ways)(bytearray(data), random)
    return data


def damaged_inside(data: bytes, random: Random) -> bytes:
    """A gzip file whose content is damaged and whose checksum is right; now and then the file itself."""
    if random.random() < 0.25:
        return damaged(data, random, BYTES)
    try:
        return gzip.compress(damaged(gzip.decompress(data), random), compresslevel=1, mtime=0)
    except (OSError, EOFError, zlib.error):
        return damaged(data, random, BYTES)
