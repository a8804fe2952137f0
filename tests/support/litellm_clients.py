"""What every test of LiteLLM has to do afterwards."""

import gc
import warnings
from typing import Any


def drop_connections(litellm: Any) -> None:
    """Drop, without a word, the connections and event loops that LiteLLM keeps and never closes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        litellm.in_memory_llm_clients_cache.flush_cache()
        gc.collect()
