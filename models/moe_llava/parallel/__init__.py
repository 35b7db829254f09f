"""One network over several processes. What is computed there does not know of it.

parts.py: which part of each parameter a rank holds. experts.py: which expert lives where.
sharing.py: a network's modules and its plan of loading, narrowed to those parts.
collectives.py: what ranks say to each other while they compute, put between modules as hooks.
told.py, replica.py: the leading rank tells the others what to compute next.
"""
