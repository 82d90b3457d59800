"""The units of work: one per opcode, seeing nothing but their job context."""
