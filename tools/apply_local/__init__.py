"""``make apply-local``: the whole life of the emitted Terraform on an emulated account, offline."""
