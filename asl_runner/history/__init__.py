"""What happened: events, the journal that keeps them, and the views every face shows."""
