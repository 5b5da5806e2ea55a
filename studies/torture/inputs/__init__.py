"""Fuzzed inputs for every reader: damaged from small valid files, read by a process with limits."""
