"""Proves on a real account, where the stacks are deployed, what no emulator and no document shows.

``python -m tools.prove_on_aws`` only reads; ``--run PIPELINE`` starts one execution, below a limit in USD. docs/proof.md says
what is proved elsewhere.
"""
