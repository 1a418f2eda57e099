"""Pages about runs, schedules and secrets."""
