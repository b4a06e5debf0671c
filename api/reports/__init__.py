"""Reports and cases: taking them in, and what their reporters can read of them."""
