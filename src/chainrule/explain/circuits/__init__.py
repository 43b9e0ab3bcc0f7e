"""Programs as gates with wires: their values, slopes, paths, and the pages of these."""
