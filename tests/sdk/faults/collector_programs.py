"""The everyday program, against every collector that fails."""

import os
from typing import Any

from cases import case, everyday
from collectors import COLLECTORS, ENDPOINTS


def _meet(collector: str) -> None:
    @case(f"collector: {collector}", collector=collector)
    def program(sdk: Any) -> Any:
        if collector == "up":  # where something must arrive, however busy the machine is
            os.environ["KANSOKU_EXIT_TIMEOUT"] = "20"
        seen = everyday(sdk)
        sdk.flush()
        return seen


for _name in (*COLLECTORS, *ENDPOINTS):
    _meet(_name)
