"""Texts that officers begin with: of one station, or of everybody."""
