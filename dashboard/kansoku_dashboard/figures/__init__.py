"""Pure functions from rows to plain Plotly figures: everything is decided here, nothing is fetched."""
