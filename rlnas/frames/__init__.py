"""Reading tables of named columns: from text files, Parquet files and data frames."""
