"""Pictures as SVG text, drawn on the server: no script, no style, no web, no database.

Colours and lines are presentation attributes, so that a picture reads the same in a
page with a strict content policy, in a file of its own and on paper. Classes are there
for a page that wants other colours in the dark.
"""
