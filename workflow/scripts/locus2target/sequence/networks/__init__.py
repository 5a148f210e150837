"""Sequence networks as plain torch modules: they know tensors and published weights, nothing of variants."""
