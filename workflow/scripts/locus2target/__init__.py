"""Variant-effect prioritization: from cohort genotypes, GWAS and QTL statistics to ranked target genes."""
