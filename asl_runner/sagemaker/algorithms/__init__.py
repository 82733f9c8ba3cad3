"""Built-in algorithms, each a program that honours the container contract."""
