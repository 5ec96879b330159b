"""What people type: the prompt language behind `engine.prompt`, options at a prompt's end, aspects."""
