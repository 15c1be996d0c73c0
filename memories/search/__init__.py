"""Search: a query becomes candidates, candidates become ranked hits (docs/search.md).

`query` reads and embeds the query, `retrieval` finds candidates by meaning and by words, `turns` gathers what ranking
wants to know of them and the turns around them, `memories.ranking` orders, `hits` fetches what is shown. Every
statement sees only the messages that pass the filters, so that a filter never thins a result.
"""

from memories.search.find import Result, Scope, search
from memories.search.hits import Hit
from memories.search.query import FILTERS, Mode, Query

__all__ = ["FILTERS", "Hit", "Mode", "Query", "Result", "Scope", "search"]
