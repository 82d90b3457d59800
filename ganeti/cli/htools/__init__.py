"""The commands of placement: hbal, hspace and the others (htools(1))."""
