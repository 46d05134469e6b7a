"""The phone page: the built site, and what serves it on this machine or writes it for a host."""
