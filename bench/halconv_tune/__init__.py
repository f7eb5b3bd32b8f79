"""Searches the numbers of schedules, problem by problem, and keeps those that are faster beyond the noise."""
