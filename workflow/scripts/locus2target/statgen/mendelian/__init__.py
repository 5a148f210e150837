"""Mendelian randomization: the effect of an exposure on an outcome, from genetic variants as instruments."""
