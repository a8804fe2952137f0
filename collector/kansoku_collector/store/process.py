"""This process' name among all that use the same store."""

import os
import re
import socket
import uuid

PROCESS = uuid.uuid4().hex[:12]  # pids are used again


def process_name() -> str:
    """Return host, pid and what nobody else has, in characters that need no quotes."""
    host = re.sub(r"[^\w.-]", "", socket.gethostname())
    return f"{host} {os.getpid()} {PROCESS}"
