"""Wards, stations and boundary editions, as the API and the command line show them."""
