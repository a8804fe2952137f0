"""Serve the dashboard with the settings of the environment: `python -m kansoku_dashboard`."""

import sys

from kansoku_dashboard.server import serve
from kansoku_dashboard.settings import DashboardSettings

sys.exit(serve(DashboardSettings()))
