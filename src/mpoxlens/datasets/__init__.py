"""From scraped folders to a grouped, documented data set. Part of the workshop, but for `phantom`, which needs no extra."""
