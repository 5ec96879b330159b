### Every text that a person reads, in English.

## Commands and their options

command-imagine = imagine
    .description = Draw a picture from your words.
command-history = history
    .description = Your pictures here, newest first: prompts, seeds, and a button to make each again.
command-quota = quota
    .description = How many pictures you have left today, and what of yours waits.
command-models = models
    .description = What draws here: models, LoRAs, embeddings and VAEs, with what each needs.
command-help = help
    .description = Three examples to press, what is drawn here, and what you have left.
command-limits = limits
    .description = What members of this server may have.
command-limits-set = set
    .description = Set a limit for the server, or for one member.
command-limits-show = show
    .description = Show the limits of the server, or of one member.
command-limits-clear = clear
    .description = Take one limit or all of them back, for the server or for one member.

option-prompt = prompt
    .description = What to draw.
option-aspect = aspect
    .description = The picture's shape; not together with width or height.
option-images = images
    .description = How many pictures: 1 to 4. Each has the next seed.
option-negative-prompt = negative_prompt
    .description = What to keep out of the picture; two quotes, "", for nothing at all.
option-model = model
    .description = Which model draws; leave it out for the usual one.
option-lora = lora
    .description = A LoRA by its title or file name: its tag and trigger words are added to the prompt.
option-seed = seed
    .description = The same seed gives the same picture again. Leave it out, or -1, for a random one.
option-steps = steps
    .description = More steps take longer and change details: 1 to 150.
option-guidance = guidance
    .description = How closely to follow the prompt: 0 to 50; 1 or less is off.
option-sampler = sampler
    .description = How noise becomes a picture.
option-width = width
    .description = Pixels, a multiple of 8 from 64 to 2048.
option-height = height
    .description = Pixels, a multiple of 8 from 64 to 2048.
option-limit = limit
    .description = Which limit.
option-limit-to-clear = Which limit; leave it out for all of them.
option-value = value
    .description = A number; for pixels also a size like 1024x1024.
option-member = member
    .description = Only for this member; leave it out for the whole server.

aspect-square = square 1:1 · { $width }×{ $height }
aspect-portrait = portrait 2:3 · { $width }×{ $height }
aspect-landscape = landscape 3:2 · { $width }×{ $height }
aspect-wide = wide 16:9 · { $width }×{ $height }
aspect-tall = tall 9:16 · { $width }×{ $height }
sampler-default = the model's own

## What can be pressed

button-reroll = Reroll
button-edit = Edit
button-delete = Delete
button-cancel = Cancel
button-again = Make again #{ $id }
button-correct = Correct it
button-older = Older
button-newest = Newest
button-previous = Previous
button-next = Next

## The form behind Edit

form-title = Edit and draw again
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

## The message of a request

headline = **{ $prompt }**
headline-empty = (no visible characters)
for-member = for { $member }
short-id = #{ $id }
place = { ORDINAL($place) ->
    [one] { $place }st in line
    [two] { $place }nd in line
    [few] { $place }rd in line
   *[other] { $place }th in line
}
place-next = next in line
model-loading = loading model { $model }
left-today = { $left ->
    [one] { $left } picture left today
   *[other] { $left } pictures left today
}
progress-step = step { $step } of { $steps }
progress-pictures = { $done } of { $count } pictures
progress-remaining = about { $seconds } s
progress-moment = any moment now
seed-one = Seed `{ $seed }`
seed-range = Seeds `{ $first }`–`{ $last }`
seed-some = Seeds { $seeds }
used-steps = { $steps ->
    [one] { $steps } step
   *[other] { $steps } steps
}
used-guidance = guidance { $guidance }
used-size = { $width }×{ $height }
used-negative-prompt = Without: { $text }
used-negative-prompt-default = Without, as this model is set: { $text } (`--no ""` at the prompt's end removes it)
seconds = { $seconds } s
cut-prompt = The end of the prompt did not fit the model and was left out: { $text }
cut-negative-prompt = The end of the negative prompt did not fit the model and was left out: { $text }
note-weight-clamped = Weights go from -10 to 10, so { $text } weighs { $used }.
note-weight-unread = A weight is written (word:1.4), so { $text } is read as words.
note-bracket-unclosed = { $count ->
    [one] A bracket is never closed, and holds to the end of the prompt.
   *[other] { $count } brackets are never closed, and hold to the end of the prompt.
}
note-lora-added = The option lora added to the prompt: { $text }
note-lora-malformed = A LoRA is written `<lora:name:0.8>`, so { $text } was left out.
note-lora-unknown = I know no LoRA { $name }, so it was left out.
note-lora-unknown-near = I know no LoRA { $name }, so it was left out. Nearest: { $names }.
note-lora-ambiguous = { $name } is the name of more than one LoRA file: { $names }. I used the first.
note-lora-negative = A LoRA changes the whole picture, so { $name } in the negative prompt was left out.
note-syntax-ignored = { $text } has no special meaning here.
note-schedule-never = { $text } would change after the last of { $steps } steps, so it never does.
note-schedule-limit = The prompt changes into more than { $maximum } different texts, so it stops changing at step { $step }.
note-wildcard-unknown = I know no wildcard { $name }, so it stays as typed.
note-wildcard-unknown-near = I know no wildcard { $name }, so it stays as typed. Nearest: { $names }.
note-wildcard-unreadable = The wildcard { $name } cannot be read, so it stays as typed.
note-wildcard-empty = The wildcard { $name } has no lines, so it stays as typed.
note-wildcard-depth = The wildcard { $name } stands too deep inside others, and stays as it is.
note-option-unknown = The option { $option } is unknown and was left out.
note-option-unknown-near = The option { $option } is unknown and was left out. Nearest: { $names }.
note-option-empty = The option { $option } has no value and was left out.
note-option-repeated = The option { $option } is given more than once, and the last, { $value }, holds.
note-option-inside = { $option } has other words after its value, so it is read as words: options come last.
note-option-overruled = --{ $option } { $value } at the end of the prompt does not hold, since { $used } was given beside it.
note-embedding-unusable = The embedding { $name } was left out: its file cannot be used.
note-embedding-unknown = I know no embedding { $name }, so it is read as words.
note-embedding-unknown-near = I know no embedding { $name }, so it is read as words. Nearest: { $names }.
note-unheeded-guidance = This model draws without guidance, so the guidance scale has no effect.
note-unheeded-negative-prompt = This model draws without guidance, so the negative prompt has no effect.
note-unheeded-negative = The negative prompt has no effect with this model.
note-unheeded-sampler = This model draws with its own sampler alone, so another one has no effect.
note-unheeded-clip-skip = The clip skip has no effect with this model.
note-unheeded-chunks = The number of chunks has no effect with this model.
note-notation-plain = This model reads prompts as they are typed: brackets, weights, AND and BREAK are words to it.
note-lora-plain = No LoRA can be used with this model, so { $text } was left out.
note-size-other = This model chose { $width }×{ $height } itself.
note-unheeded-zero-snr = This model was made to begin at pure noise, which the sampler { $sampler } does not.
notes-more = { $count ->
    [one] … and { $count } more note.
   *[other] … and { $count } more notes.
}
another-model = Drawn with the model { $now }; the one before was drawn with { $before }.
withheld = { $withheld ->
    [one] { $withheld } of { $count } pictures was withheld by the safety checker and not charged.
   *[other] { $withheld } of { $count } pictures were withheld by the safety checker and not charged.
}
partly = { $reason } { $shown ->
    [one] { $shown } of { $count } pictures was finished, and only that one was charged.
   *[other] { $shown } of { $count } pictures were finished, and only those were charged.
}
nothing-charged = { $reason } Nothing was charged.
picture-alt = { $prompt }
picture-alt-of-several = { $prompt } ({ $position } of { $count })
ready-ping = { $count ->
    [one] { $member } your picture is ready: #{ $id }
   *[other] { $member } your pictures are ready: #{ $id }
}
access-lost = Your request #{ $id } could not be shown: I may no longer write in { $channel }. It does not count against your pictures.

## Why a request ended; also in /history

cancelled-by-owner = Cancelled.
cancelled-by-moderator = Cancelled by a moderator.
message-gone = The message was deleted.
channel-gone = The channel was deleted.
server-gone = The bot has left the server.
never-shown = Discord did not show this request.
failed-flagged = { $count ->
    [one] The picture was withheld by the safety checker.
   *[other] All { $count } pictures were withheld by the safety checker.
}
failed-out-of-memory = { $width }×{ $height } does not fit this bot's graphics card.
failed-model = The model { $model } cannot be loaded; tell the person who runs this bot.
failed-model-gone = The model { $model } is no longer here.
failed-model-memory = The model { $model } does not fit this bot's graphics card.
failed-engine = The drawing failed several times; if it repeats, tell the person who runs this bot `#{ $id }`.
failed-interrupted = The bot was interrupted several times while it drew this, and gave up.
failed-access = I may no longer write in this channel.
failed-too-large = Discord takes no files as large as these pictures.
failed-outdated = This version of the bot no longer draws what was asked for here.
failed-unexpected = Something broke on our side; if it repeats, tell the person who runs this bot `#{ $id }`.

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

too-many-pictures = { $asked } pictures are too many for one message; at most { $limit }.
too-many-pixels = { $width }×{ $height } is too large: at most { $limit } pixels here, such as { $side }×{ $side }.
too-many-steps = { $asked } steps are too many: at most { $limit } here.
quota-zero = You may have no pictures here ({ $limit } a day).
quota-used-up = { $limit ->
    [one] You have used your one picture for today. More { $more_at }.
   *[other] You have used all { $limit } pictures for today. More { $more_at }.
}
quota-too-few-left = You asked for { $asked } pictures and have { $left } of { $limit } left today. More { $more_at }.
places-zero = You may have no places in the line here ({ $limit }).
places-used-up = { $limit ->
    [one] You already have a request in the line, and { $limit } is the limit here. Wait until it is ready, or cancel it.
   *[other] You already have { $limit } requests in the line, and that is the limit here. Wait until one is ready, or cancel one.
}
limit-no-number = { $name } must be a number (Pixels also a size like 1024x1024), got { $text }.
limit-unknown = { $text } is no limit.
limit-too-small = { $name } must be at least { $minimum }, got { $value }.
limit-above-ceiling = { $name } can be at most { $ceiling } here, which is what the person who runs this bot allows; got { $value }.

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

## How the values of requests are called

name-prompt = prompt
name-negative-prompt = negative prompt
name-num-images = images
name-max-embeddings-multiples = chunks
name-clip-skip = clip skip
name-model = model
name-width = width
name-height = height
name-num-inference-steps = steps
name-guidance-scale = guidance
name-seed = seed

## /history

history-empty = You have asked for nothing here yet. Try /imagine.
history-title = Your pictures here, newest first:
history-line = #{ $id } { $when } · **{ $prompt }** · { $seeds } · { $state }{ $link }
history-link = { " " }· [show]({ $url })
history-no-more = You have no older pictures here.
state-queued = in line
state-running = being drawn
state-done = done
state-failed = failed: { $reason }
state-cancelled = withdrawn: { $reason }

## /quota

quota-left = { $limit ->
    [one] { $left } of { $limit } picture left today.
   *[other] { $left } of { $limit } pictures left today.
}
quota-refill = All of them again { $more_at }.
quota-places = { $held } of { $limit } places in the line taken.
quota-waiting = #{ $id } · **{ $prompt }** · { $place }

## /models

models-page = -# page { $page } of { $pages }
models-heading = ### { $kind }
models-models = Models
models-loras = LoRAs
models-embeddings = Embeddings
models-vaes = VAEs
models-titled = **{ $title }** · { $name }
models-named = **{ $name }**
models-facts = -# { $facts }
models-licence = licence { $licence }
models-words = trigger words: { $words }
models-age-restricted = in age-restricted channels only
models-faulty = cannot be used; the bot's log says why
models-misfit = does not fit { $model }
models-unusable = cannot be used: its file { $reason }
size-kb = { $size } kB
size-mb = { $size } MB
size-gb = { $size } GB

## /limits

limit-pictures-per-day = Pictures a day
limit-places-in-line = Places in the line
limit-pixels = Pixels
limit-steps = Steps
limit-value = { $value }
limit-value-square = { $value } ({ $side }×{ $side })
limits-of-server = Limits of this server:
limits-of-member = Limits of { $member } here:
limits-line = • { $name }: **{ $value }** ({ $source })
limits-from-member = set for this member
limits-from-server = set for this server
limits-from-operator = the bot's own
limits-at-most = { $source }; at most { $ceiling }
limits-changed-server = { $name } of this server: { $before } → **{ $after }**
limits-changed-member = { $name } of { $member }: { $before } → **{ $after }**

## /help

help-draws = I draw with the model **{ $title }**. It knows { $draws }.
help-draws-anything = I draw with the model **{ $title }**.
help-models = { $count ->
    [one] Another model is here, too
   *[other] { $count } other models are here, too
}: /models lists them, and the option model of /imagine chooses one.
help-start = Type /imagine and what you want to see, or press an example:
help-start-alone = Type /imagine and what you want to see.
help-quota = You have { $left } of { $limit } pictures left today.
help-trigger-words = The model answers to: { $words }.
help-licence = The model's licence is { $licence }; what it asks holds for every picture.

## What the operator reads on the terminal

operator-servers-undecided = The bot is in several servers and SERVERS names none: it serves none of them. Put the ids of those to serve into SERVERS.
operator-help = A Discord bot that draws with Stable Diffusion on this machine.
operator-help-run = Connect to Discord and draw; needs DISCORD_TOKEN.
operator-help-demo = The real bot in a local page: no token, no network.
operator-help-migrate = Bring the database up to date, and name the migrations that were applied.
operator-help-port = the page's port (default 8787)
operator-help-no-browser = print the page's address, but open no browser
operator-help-database = keep the demo's database in this file (default: a temporary one)
operator-up-to-date = { $path } is up to date.
operator-no-token = DISCORD_TOKEN is not set: create an application at https://discord.com/developers/applications, copy its token from the page “Bot” into .env, or try `python -m bot demo`, which needs none.
operator-wrong-token = Discord does not know this DISCORD_TOKEN: copy it again from the page “Bot” of your application at https://discord.com/developers/applications.
operator-no-discord = Discord cannot be reached: { $error }.

demo-page = The bot and its page are at
demo-ssh = From another machine, first run: ssh -L { $port }:127.0.0.1:{ $port } { $host }
demo-port-in-use = Port { $port } is in use: choose another with --port.
demo-not-started = The page cannot start: { $error } Choose another port with --port.
demo-prompt = a red heart on a blue background
demo-first-picture = “{ $prompt }” took { $seconds } s:
