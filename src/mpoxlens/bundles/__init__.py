"""The bundles that are shipped in the wheel."""
