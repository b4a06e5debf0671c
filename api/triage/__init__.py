"""What officers do with the cases of their station."""
