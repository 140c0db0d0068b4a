"""Stacks: one Terraform state each, by lifecycle; short lists of modules."""
