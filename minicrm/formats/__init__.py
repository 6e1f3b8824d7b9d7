"""Dates and times as our pages write them, where Django's own formats do not suit."""
