"""Models from a hub into the local hub cache: resumable, verified, with their image towers.

The only part of lvlm_eval that uses the network. Why not huggingface_hub's own download: the
version of today starts a broken file from its beginning (its temporary names are unique to a
process, and removed on failure), and trusts what came over plain HTTP by its size alone.
"""
