"""The commands of the command line, one a module; with `cli.py` the only ones that print."""
