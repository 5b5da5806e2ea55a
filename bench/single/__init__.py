"""One registration outside any protocol: problem, answer, and a reference pose by repeated registration."""
