## The form behind Edit

form-title-edit = Edit and draw again
form-prompt = Prompt
form-negative-prompt = Negative prompt
    .description = What to keep out of the picture; empty: nothing.
form-steps = Steps
    .description = 1 to 150; empty: the model's default.
form-guidance = Guidance
    .description = 0 to 50, 1 or less is off; empty: the model's default.
form-seed = Seed
    .description = The same seed keeps the picture's layout; empty or -1: a random one.
form-faults = This cannot be drawn yet:
form-fault = • { $sentence }
form-too-long = A form holds { $maximum } characters, and this is longer. Here it is as a file: change it, and send it with /imagine.
form-gone = What you typed is no longer here. Press Edit under the picture again.
form-unknown = This form is from another version of the bot. Press Edit under the picture again.
