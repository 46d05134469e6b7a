"""From scraped folders to a grouped, documented data set. Part of the workshop; `phantom` alone needs no extra."""
