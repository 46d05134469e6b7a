"""Homogeneous copies of the photographs, as Campana et al. ask; the photographs stay as they are."""
