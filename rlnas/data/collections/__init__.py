"""Collections of published tables with names such as keel:vowel and uci:concrete."""
