"""What the programs in a cluster tell of themselves: log lines as JSON, written where nothing waits for them."""
