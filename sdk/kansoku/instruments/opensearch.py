"""OpenSearch: `search`, whose requests and responses are those of Elasticsearch."""

from kansoku.instruments.elasticsearch import SearchReader
from kansoku.instruments.vector_store import Stores

_READER = {"search": SearchReader("opensearch")}
_STORES = Stores(
    {
        "opensearchpy.client": {"OpenSearch": _READER},
        "opensearchpy._async.client": {"AsyncOpenSearch": _READER},
    }
)
start = _STORES.start
stop = _STORES.stop
