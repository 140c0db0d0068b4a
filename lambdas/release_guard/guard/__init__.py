"""Is everything that a release needs recorded as passed?"""
