"""Why the network says what it says, and whether the explanation is true."""
