"""Units for trying the machinery out."""
