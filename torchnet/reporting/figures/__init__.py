"""The figures of a report page. A figure is drawn once, for the page and for a PNG file."""
