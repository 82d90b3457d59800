"""The commands an administrator types: C{gnt-*}, and the setting up of nodes and clusters."""
