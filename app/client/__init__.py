"""The organisation's side: keys in files, facts signed on its own machine.

Nothing here reads a setting or a database of the platform.
"""
