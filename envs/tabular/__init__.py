"""Architecture design on one data set, where every result is looked up."""
