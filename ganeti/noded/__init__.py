"""What a node does when it is called."""
