"""Changing instances (OP_INSTANCE_SET_PARAMS): one module for each kind of thing that changes."""
