"""What messages take on disk: `python -m bench.size [--messages 100000]`.

Each table and its indexes after a VACUUM, in bytes a message. Memory is measured by `bench.memory`.
"""

import argparse

from bench import servers

SIZES = """
SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY pg_total_relation_size(oid) DESC LIMIT 6
"""
MEGABYTE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    options = parser.parse_args()
    with servers.folder(None):
        report(options.messages)


def report(messages: int) -> None:
    from bench import data, raw
    from bench.corpus import Corpus
    from bench.rows import Filler
    from memories.providers import embedding_provider
    from memory_layer import stack

    stack.prepare()
    filler = Filler(raw.connected(), Corpus.of(embedding_provider(), size=1_000))
    data.made(filler, tenants=1, messages=messages)
    data.settle(filler.database)
    characters = filler.database.execute("SELECT avg(length(content)) FROM memories_message").fetchall()[0][0]
    print(f"{messages:,} messages of {characters:.0f} characters")
    for name, table, indexes in filler.database.execute(SIZES):
        print(f"{name:32} table {table / messages:6,.0f}  indexes {indexes / messages:6,.0f} bytes a message")
    ((size,),) = filler.database.execute("SELECT pg_database_size(current_database())").fetchall()
    print(f"{'database':32} {size / MEGABYTE:,.0f} MB, {size / messages:,.0f} bytes a message")


if __name__ == "__main__":
    main()
