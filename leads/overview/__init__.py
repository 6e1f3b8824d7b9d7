"""What the overview shows, each part read in a fixed number of queries."""
