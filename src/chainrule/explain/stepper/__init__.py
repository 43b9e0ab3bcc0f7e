"""Going through passes one equation at a time, and the page with buttons for it."""
