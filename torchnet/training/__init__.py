"""Training with Lightning: modules, schedules, checks; callbacks/ and distributed/."""
