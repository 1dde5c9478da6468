"""The result of a check, as text, HTML, JSON and a figure."""
