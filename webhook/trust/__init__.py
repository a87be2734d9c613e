"""Trust roots: read from files, built in, or fetched from TUF repositories and refreshed in the background."""
