"""`python -m lvlm_eval`."""

from lvlm_eval.cli import main

main()
