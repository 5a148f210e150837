"""Sequence windows, one-hot encoding, model backends, variant scores and in-silico mutagenesis."""
