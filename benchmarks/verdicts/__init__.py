"""The verdict's simulations: what the chosen rule does on candidates whose true quality is known, and others beside it.

``make verdicts`` runs 4,000 of each and prints the table of ``specs/verdict.md``; ``make test`` runs fewer.
"""
