"""What screens may ask for: pages, customers, and safe writes."""
