"""Whether an explanation is true: measures of maps, each a function from nouns to numbers."""
