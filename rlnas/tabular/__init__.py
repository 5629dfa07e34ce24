"""Tables of architectures that were trained beforehand."""
