"""What a person must know of Terraform plans before a merge. The standard library only: it runs on a desk, in any CI, in Lambda."""
