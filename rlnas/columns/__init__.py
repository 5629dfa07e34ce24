"""Tables of named columns, as people have them, and the rules that make features of them."""
