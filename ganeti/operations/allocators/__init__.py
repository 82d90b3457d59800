"""Instance allocators: what they are told and asked, and who answers."""
