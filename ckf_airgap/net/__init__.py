"""What talking to any HTTP server shares: limits, retries, proxies, trust in certificates."""
