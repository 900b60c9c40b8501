"""Statistical tables and their writers: the values know no format."""
