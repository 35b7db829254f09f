"""A little drawn world: evaluation data and trained models small enough to come along.

`write.py` writes questions about its pictures in the official formats of four benchmarks,
`conversations.py` makes training data of it, `checkpoints/` holds what was trained on that.
"""
