"""The dashboard: Streamlit screens over the questions of `kansoku_collector.store.read`."""
