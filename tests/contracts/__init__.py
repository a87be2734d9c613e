"""What the product takes from others and they do not promise to keep."""
