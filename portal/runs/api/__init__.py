"""Runs and schedules, for programs: the same as the pages tell, and the same actions."""
