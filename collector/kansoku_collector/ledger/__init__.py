"""The ledger after the fact: history priced anew, and vendors' invoices compared with it."""
