"""What a person is shown of executions and machines, as plain data: the same for page, file and terminal."""
