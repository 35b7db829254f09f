"""Generation: sequences in, new token ids out. `engine.py` is the loop over the other parts."""
