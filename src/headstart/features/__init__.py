"""Features: what a frozen backbone says of each image, computed once and kept."""
