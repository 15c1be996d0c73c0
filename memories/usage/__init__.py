"""What tenants store and ask: counted as it happens or soon after, and read without counting."""
