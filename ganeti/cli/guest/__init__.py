"""What a small real guest boots from: a kernel, and an initrd with the modules it needs."""
