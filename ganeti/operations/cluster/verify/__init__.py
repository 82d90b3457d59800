"""Verification: the configuration, then each group of nodes, as jobs of their own."""
