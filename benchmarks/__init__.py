"""What an assignment costs, measured beside the same stack without it: `make bench`."""
