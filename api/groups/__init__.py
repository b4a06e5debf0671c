"""Self-managed groups: who they are, who belongs to them, and what they report."""
