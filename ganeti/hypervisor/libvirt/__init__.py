"""Guests that libvirt runs: kvm."""
