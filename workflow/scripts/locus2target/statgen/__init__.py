"""Loci, linkage disequilibrium, fine-mapping and colocalization."""
