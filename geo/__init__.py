"""Where things are: wards, their boundaries through time, and the stations that answer for them.

Knows nothing of reports, users or HTTP.
"""
