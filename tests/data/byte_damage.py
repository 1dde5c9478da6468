"""Random changes to the bytes of a file."""

from random import Random

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(content: bytes, random: Random) -> bytes:
    """Return `content` with one to three changes, mostly near its ends, where headers and directories are."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content = random.choice((_flip, _set, _number, _truncate, _insert, _delete, _repeat, _swap))(content, random)
    return content


def _place(content: bytes, random: Random) -> int:
    if not content:
        return 0
    near = min(200, len(content))
    choices = (random.randrange(len(content)), random.randrange(near), len(content) - 1 - random.randrange(near))
    return random.choice(choices)


def _over(content: bytes, start: int, new: bytes) -> bytes:
    return content[:start] + new + content[start + len(new) :]


def _flip(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return _over(content, start, bytes([content[start] ^ 1 << random.randrange(8)])) if content else content


def _set(content: bytes, random: Random) -> bytes:
    return _over(content, _place(content, random), random.randbytes(random.choice((1, 1, 2, 4, 16))))


def _number(content: bytes, random: Random) -> bytes:
    number = random.choice(_NUMBERS).to_bytes(4, random.choice(("little", "big")))
    return _over(content, _place(content, random), number)


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: _place(content, random)]


def _insert(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return content[:start] + random.randbytes(random.choice((1, 2, 4, 100))) + content[start:]


def _delete(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return content[:start] + content[start + random.choice((1, 2, 4, 100)) :]


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = sorted((_place(content, random), _place(content, random)))
    return content[:end] + content[start:]


def _swap(content: bytes, random: Random) -> bytes:
    first, second, third = sorted(_place(content, random) for _ in range(3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]
