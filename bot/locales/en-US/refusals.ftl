## Refusals and faults, each to one member alone

unexpected = Something broke on our side. Try again; if it repeats, tell the person who runs this bot `{ $id }`.
command-outdated = Discord showed you an older version of this command. Restart Discord (Ctrl+R), and try again.
button-outdated = This button is from another version of the bot.
request-unknown = I know nothing of this picture any more.
not-yours-delete = Only the member who asked for it, or a moderator who may manage messages here, can delete this.
not-yours-cancel = Only the member who asked for it, or a moderator who may manage messages here, can cancel this.
not-yours-again = Only the member who asked for it can make it again from here.
cancel-too-late = It is too late to cancel: the pictures are on their way, or have arrived.
example-unknown = This example is from another model. /help shows those of today.
server-not-served = This bot draws in other servers only. The person who runs it decides in which.
dms-off = This bot draws in servers only, not in direct messages.
server-farewell = This bot draws in other servers only, so it leaves. The person who runs it decides in which.
permissions-missing = I cannot show pictures here: I lack { $permissions }. Somebody who manages this channel can allow it.
permission-view-channel = “View Channel”
permission-send-messages = “Send Messages”
permission-send-messages-in-threads = “Send Messages in Threads”
permission-attach-files = “Attach Files”

engine-prompt-empty = The prompt is empty: say what to draw.
engine-text = { $name } must be a text.
engine-text-length = { $name } must be at most { $maximum } characters long, got { $length }.
engine-text-surrogate = { $name } holds half a character (a lone surrogate).
engine-integer = { $name } must be a whole number.
engine-number = { $name } must be a number.
engine-integer-typed = { $name } must be a whole number, got { $value }.
engine-number-typed = { $name } must be a number, got { $value }.
engine-aspect-with-size = aspect already says width and height: give either the aspect or the size.
engine-aspect-unknown = aspect { $aspect } is unknown; known: { $known }, or two numbers such as 16:9.
engine-aspect-range = aspect must be from 1:{ $maximum } to { $maximum }:1, got { $aspect }.
model-age-restricted = { $title } draws in age-restricted channels only. Whoever manages this channel can mark it as one.
prompt-not-english = { $title } reads English only, and most of your prompt is in other letters: the picture would have nothing to do with it. Say it in English.
lora-unknown = I know no LoRA { $lora } that could be used here.
lora-unknown-near = I know no LoRA { $lora }. Nearest: { $near }.
engine-range = { $name } must be from { $minimum } to { $maximum }, got { $value }.
engine-size-multiple = width and height must be multiples of 8, got { $width }×{ $height }.
engine-scheduler-unknown = sampler { $scheduler } is unknown; try { $names }.
engine-lcm-steps = The sampler LCM takes 1 to { $maximum } steps, got { $steps }.
engine-scheduler-steps = With this model the sampler “{ $scheduler }” cannot draw in { $steps ->
    [one] { $steps } step
   *[other] { $steps } steps
}: try another number.
engine-permutations = The braces {"{a|b}"} make { $count } pictures of this prompt, and { $maximum } is the most here: choose fewer.
engine-wildcards-length = With its wildcards written out the prompt is longer than { $maximum } characters.
engine-loras = A prompt may name at most { $maximum } LoRAs, got { $count }: leave some out.
engine-lora-misfit = The LoRA { $lora } was made for { $base } and does not fit { $model }: leave it out, or choose another.
engine-lora-foreign = The LoRA { $lora } was made for another model and does not fit { $model }: leave it out, or choose another.
engine-lora-whole = No LoRA can be used with { $model }: leave { $lora } out, or choose another model.
engine-lora-unusable = The LoRA { $lora } cannot be used: its file { $reason }.
engine-lora-memory = The memory here does not suffice for the LoRA { $lora }: try again later, or leave it out.
engine-operands = A prompt may have at most { $maximum } parts joined by AND here, got { $count }.
engine-engine-closed = The bot is stopping: try again in a moment.
engine-out-of-memory = This picture does not fit the bot's graphics card.
engine-size-memory = { $width }×{ $height } does not fit { $device ->
    [cpu] the memory of the machine that this bot draws on
   *[other] this bot's graphics card
}. Nothing was charged.{ $largest ->
    [none] {""}
   *[other] {" "}Largest here: { $largest }.
}
engine-drawing-failed = The drawing failed.
engine-no-numbers = The model’s numbers left their range, and nothing came of the picture: a LoRA is too strong or damaged, or the model’s files are.
engine-model-memory = The model does not fit this bot's graphics card.
engine-model-range = With { $model } { $name } must be from { $minimum } to { $maximum }, got { $value }.
engine-model-size = With { $model } width and height must be multiples of { $multiple }, got { $width }×{ $height }.
engine-model-scheduler = { $model } draws with these samplers only: { $names }.
engine-model-unknown = I know no model { $model }. Try { $known }, or see /models.
engine-model-unusable = The model { $model } cannot be used: its files are faulty. The log says more to whoever runs the bot.
engine-last-seed = seed must be at most { $maximum } for { $count } pictures, since each has the next seed, got { $value }.
