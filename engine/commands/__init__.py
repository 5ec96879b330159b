"""What the engine does on a command line, one module for each command."""
