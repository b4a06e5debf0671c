"""Staff and their sessions, devices and reporters: who is asking."""
