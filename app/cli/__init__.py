"""Commands of ``remelt``: one module for each group; ``app.console`` joins them."""
