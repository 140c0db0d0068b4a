"""What an auditor asks for of one release: what was built, what was found, who said yes, when."""
