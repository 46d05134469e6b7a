"""A reviewer looks through a data set on a page of this machine, and the decisions go to a CSV."""
