"""Reading answers out of text, a file a kind of answer.

Each rule is the exact rule of one published scorer, oddities included: an oddity that was
tidied away would move the scores of published tables. What is done with what was read
(confusion counts, accuracies) is in `metrics.py`.
"""
