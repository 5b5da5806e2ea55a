"""SOPI's Table 2 and LGFF-Reg's Tables 1 to 3, trained for equal numbers of steps. See README.md."""
