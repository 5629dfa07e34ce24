"""Files: atomic writing, safe reading, locked folders, JSON that strangers may have edited."""
