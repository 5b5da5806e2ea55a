"""The Cramer-Rao bound of realistic X-rays."""
