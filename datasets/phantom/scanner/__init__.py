"""What a CT scanner adds: patient table, blur of slices and reconstruction kernel, correlated noise."""
