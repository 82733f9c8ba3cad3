"""The small languages inside a definition: text in, compiled callable out, once, at load time."""
