"""What a publisher hands out: data card, Croissant metadata, tables, contact sheets, sums."""
