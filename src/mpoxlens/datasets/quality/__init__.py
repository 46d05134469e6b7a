"""Is it one plain photograph of skin? Measures, flags and faces, which order a review and decide nothing."""
