"""Hypervisors: what starts, stops and reports the guests of one node."""
