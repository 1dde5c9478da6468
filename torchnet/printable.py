"""Text from outside, such as the name of a file, for a line on a terminal."""


def printable(text: object) -> str:
    r"""Return the text of an object with control characters escaped, such as \x1b.

    A terminal would obey them: they can clear the screen, or change what was printed before.
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))
