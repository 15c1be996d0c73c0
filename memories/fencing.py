"""The fence around recalled text: what stands inside is data that was remembered, nobody's words of now.

Whoever puts recalled text into a prompt fences it; whoever reads prompts for facts takes the fenced parts out again, so
that what is remembered is not taken for something said once more.
"""

import re

OPENING, CLOSING = "<recalled-memory>", "</recalled-memory>"
FENCED = re.compile(rf"{OPENING}.*?(?:{CLOSING}|\Z)", re.DOTALL | re.IGNORECASE)
MARK = re.compile(r"<(?=[^\w<>]*recalled-memory)", re.IGNORECASE)


def fenced(text: str) -> str:
    """`text` as a block of data; a fence within it cannot end the block.

    Its first sign is replaced and nothing is taken out: what is left of a mark might come together as another one.
    """
    return f"{OPENING}\n{MARK.sub('(', text)}\n{CLOSING}"


def without_fenced(text: str) -> str:
    """`text` without the blocks that were recalled; one that is not closed reaches to the end."""
    return FENCED.sub(" ", text).strip()
