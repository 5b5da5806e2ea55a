"""Effects of a CT scanner: patient table, blur of slices and reconstruction kernel, correlated noise."""
