"""Errors, variants, intervals, tables and job start-up: what every stage shares."""
