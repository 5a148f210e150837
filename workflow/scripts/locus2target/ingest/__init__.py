"""Readers, harmonisation, liftover, genome, gene annotation and cohort genotypes."""
