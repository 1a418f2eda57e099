"""What the operations pages tell: how everything stands, what ran, what will, what it takes."""
