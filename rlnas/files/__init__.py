"""Files: atomic writing, safe reading, locked folders, untrusted JSON."""
