"""``python -m switchover``."""

from switchover.cli import main

main()
