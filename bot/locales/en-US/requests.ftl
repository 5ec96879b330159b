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
