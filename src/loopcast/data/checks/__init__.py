"""Does the data make sense, is it balanced, is it biased? Checks before and after the grid."""
