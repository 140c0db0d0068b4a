"""A commit travels through the pipelines as Terraform made them, on one machine, without an AWS account."""
