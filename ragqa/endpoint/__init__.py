"""Requests to another program over HTTP: with a deadline, retries and bounds, and with no key in any message."""
