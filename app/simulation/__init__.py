"""A year of invented recyclers, as the files that they would hand in.

``network`` says who there is, ``sourcing`` what comes in, ``recipes`` and ``plants``
what is made of it, ``trade`` who sends it to whom, ``chain`` lets the days pass,
``books`` keeps what each party writes down and ``output`` puts it into files. All of
it follows from a seed: the same call writes the same rows.

Nothing here knows a database; masses are whole grams.
"""
