"""What leaves the building: lists of cases as files, and the record of one case on paper."""
