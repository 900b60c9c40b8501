"""A witness (C2SP tlog-witness) of its own: one key, one SQLite file, no Remelt beside.

Whoever relies on a log runs one, to be sure that the log shows everybody one history.
"""
