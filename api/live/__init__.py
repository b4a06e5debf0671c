"""What changes, told at once to whoever may see it."""
