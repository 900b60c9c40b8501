"""Files of rows into drafts of facts, and back.

The way in, each step a module: ``reading`` (bytes to rows), ``heads`` (which column
stands where), ``cells`` and ``dates`` (text to values), ``facts`` and ``runs`` (rows
to drafts), ``drafts`` (names to codes, the id of a fact). The way out: ``writing``
(facts to rows), ``files`` (rows to CSV and XLSX), ``blanks`` (empty templates),
``faulty_rows`` (rows with what is wrong with them).

Nothing here knows a database: whatever needs one stays a reference in a draft.
"""
