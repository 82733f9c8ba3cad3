"""Tasks answered by mocks instead of the world: what each state's task gives, attempt by attempt, item by item."""
