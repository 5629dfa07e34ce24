"""The study of designs over many real tables, against what practitioners use."""
