"""Evidence, log odds and the ranking of candidate target genes."""
