"""Archives too large for one machine: many workers, one Parquet data set."""
