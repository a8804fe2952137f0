"""What a call costs: list prices, one's own, and what decides between them."""
