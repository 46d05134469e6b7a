"""Which images show the same photograph, and the clusters that no split may cut."""
