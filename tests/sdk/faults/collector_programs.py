"""The everyday program, against every collector that fails."""

from typing import Any

from cases import case, everyday
from collectors import COLLECTORS, ENDPOINTS


def _meet(collector: str) -> None:
    @case(f"collector: {collector}", collector=collector)
    def program(sdk: Any) -> Any:
        seen = everyday(sdk)
        sdk.flush()
        return seen


for _name in (*COLLECTORS, *ENDPOINTS):
    _meet(_name)
