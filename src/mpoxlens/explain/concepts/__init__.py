"""What the network sees, in the words of a clinic: lesions and their extent, cases like this one, and what if."""
