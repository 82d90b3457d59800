"""
quickstart: a running virtual cluster with two instances, in one folder.

Each step looks at what is there and does what is missing, so that the whole
may be interrupted anywhere and run again. C{./quickstart} of a checkout makes
the Python environment and comes here.
"""
