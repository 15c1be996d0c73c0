"""How search bears growth: `python -m bench.growth [--messages 10000,100000,1000000] [--keep DIR]`.

Tenants of very uneven sizes (the largest has a fifth of all messages) grow together. At each size searches are timed,
one at a time, each another question: of tenants in proportion to their sizes, and of the largest alone. At the last
size the semantic retrieval is compared with exact search, by size of the tenant and by filter. What is in DIR already
is not filled again, and sizes that it is beyond are left out.
"""

import argparse
from pathlib import Path

from bench import servers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=servers.numbers, default=[10_000, 100_000, 1_000_000], help="in all")
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--sentences", type=int, default=5_000, help="that are really embedded, and mixed")
    parser.add_argument("--searches", type=int, default=500, help="timed at each size, of each mix")
    parser.add_argument("--questions", type=int, default=25, help="compared with exact search, for each class, filter")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the data, to be gone on with")
    options = parser.parse_args()
    with servers.folder(options.keep):
        from bench import growing

        growing.run(options)


if __name__ == "__main__":
    main()
