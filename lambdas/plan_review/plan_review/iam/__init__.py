"""IAM policies compared as what they allow, not as texts."""
