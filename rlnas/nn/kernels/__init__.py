"""The compiled loops: passes through networks, training, edits of arrays, random draws."""
