"""The image sealer's one decision."""
