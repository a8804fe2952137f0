"""Every case of the suite, in the order in which it runs."""

import argument_programs
import collector_programs
import flow_programs
import hook_programs
import process_programs
import start_programs
import vendor_programs
from cases import CASES, Case

__all__ = ["CASES", "Case"]
_LOADED = (
    collector_programs,
    vendor_programs,
    argument_programs,
    flow_programs,
    process_programs,
    start_programs,
    hook_programs,
)
