"""Search: a query becomes candidates, candidates become ranked hits (docs/search.md).

`participants` and `query` read and embed the query, `retrieval` finds by meaning and by words, `turns` reads what is
found and the turns around it in one statement, `candidates` makes of them what `memories.ranking` orders, `hits`
fetches what is shown. Every statement sees only the messages that pass the filters (`filters`), so that a filter never
thins a result. `vector_indexes` keeps what searches of large tenants go through.
"""

from memories.search.filters import FILTERS
from memories.search.find import Result, search
from memories.search.hits import Hit
from memories.search.query import Mode, Query, Scope

__all__ = ["FILTERS", "Hit", "Mode", "Query", "Result", "Scope", "search"]
