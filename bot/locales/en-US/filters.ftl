## The floor and the filters

floor = This cannot be drawn here or anywhere with this bot, and that is final.

filter-refused-server = This server does not allow some of these words.
filter-refused-server-word = This server does not allow “{ $word }”.
filter-refused-bot = This bot does not allow some of these words.
filter-refused-bot-word = This bot does not allow “{ $word }”.
filter-too-much = This prompt changes into too many long texts to be looked through: make it shorter, or use fewer [a|b].
filter-replacement-found = The rule for { $pattern } would find something in its own replacement, “{ $text }”, and so refuse everything that it changes. Replace it by other words.
note-filter-replaced = A filter here replaced some of the words.

## /filter

command-filter = filter
    .description = What members of this server may not have drawn.
command-filter-add = add
    .description = Refuse, replace or log a word, a phrase or what a regular expression finds.
command-filter-remove = remove
    .description = Take a rule back.
command-filter-list = list
    .description = Show this server's rules.
command-filter-test = test
    .description = See what would be encoded of a prompt and which rules find something; nothing is written down.
command-filter-import = import
    .description = Add the rules of a file to this server's.
command-filter-export = export
    .description = Get this server's rules as a file.
option-pattern = pattern
    .description = What to look for: words are found whole, in any case and spelling of their letters.
option-kind = kind
    .description = Leave it out for a word or phrase.
option-where = where
    .description = Where to look; leave it out for the prompt.
option-action = action
    .description = What then happens; leave it out to refuse.
option-replacement = replacement
    .description = What takes its place, with the action replace.
option-reason-of-rule = Why, for moderators.
option-rule = rule
    .description = The rule's number.
option-filter-text = text
    .description = A prompt as members type it.
option-file = file
    .description = From /filter export, or a text file with a word or phrase a line.

filter-kind-word = word
filter-kind-phrase = phrase
filter-kind-regex = regular expression
filter-where-prompt = in the prompt
filter-where-negative = in the negative prompt
filter-where-both = in the prompt and the negative prompt
filter-action-refuse = refuse
filter-action-replace = replace
filter-action-log = log only
filter-looks-for = { $kind } **{ $pattern }**
filter-replaces = replace by “{ $text }”
filter-leaves-out = leave out
filter-line = `{ $rule }` { $text }
filter-choice = { $rule } · { $kind } · { $pattern }
filter-more = { $count ->
    [one] … and { $count } more.
   *[other] … and { $count } more.
} /filter export gives all rules.
filter-added = Added rule `{ $rule }`: { $text }
filter-removed = Removed rule `{ $rule }`: { $text }
filter-list = { $count ->
    [0] This server has no rules.
    [one] { $count } rule of this server:
   *[other] { $count } rules of this server:
}
filter-list-operators = { $count ->
    [one] Besides, { $count } rule of the person who runs this bot holds everywhere.
   *[other] Besides, { $count } rules of the person who runs this bot hold everywhere.
}
filter-exported = { $count ->
    [one] { $count } rule of this server. /filter import reads this file.
   *[other] { $count } rules of this server. /filter import reads this file.
}
filter-imported = Added { $added }, left out { $skipped }.
filter-skipped = • Entry { $number }: { $reason }
filter-test-encoded = Encoded: { $text }
filter-test-negative = Drawn away from: { $text }
filter-test-hit = • Rule `{ $rule }` finds “{ $found }”: { $text }
filter-test-hit-operators = • Entry `{ $rule }` of the bot's own list finds “{ $found }”: { $text }
filter-test-slow = • Rule `{ $rule }` takes too long for this text, so it finds nothing.
filter-test-nothing = No rule finds anything in it.
filter-test-floor = • It combines sexual words with minors: no bot rule or setting allows that.

filter-none = This server has no rules.
filter-rule-unknown = This server has no rule { $text }.
filter-known = There is such a rule already: { $pattern }.
filter-full = A server has at most { $maximum } rules: remove one first.
filter-full-regexes = A server has at most { $maximum } regular expressions: remove one first.
filter-too-long = { $field } must be at most { $maximum } characters long, got { $length }.
filter-empty = A word or phrase needs letters or signs to look for, got { $pattern }.
filter-unknown = { $field } must be one of { $known }, got { $text }.
filter-replacement-unused = replacement belongs to the action replace, got { $action }.
filter-regex-broken = { $pattern } is no regular expression: { $reason }.
filter-regex-repeats = The repeats of a regular expression may multiply to at most { $maximum }.
filter-finds-everything = { $pattern } finds something in every text, also in an empty one.
filter-slow = { $pattern } takes too long on some texts, so members could stall it. Write it without repeats inside of repeats.
filter-file-large = The file must be at most { $maximum } KiB large.
filter-file-unread = Discord did not give the file. Try again.
filter-file-no-text = The file is no UTF-8 text: save it as UTF-8.
filter-file-no-json = The file begins like JSON and is none: { $reason }.
filter-file-no-rules = The file has no list of rules: /filter export shows how one looks.
filter-file-long = The file has more than { $maximum } entries.
filter-entry-no-pattern = It has no pattern.
filter-entry-unknown = { $text } is not known or no text; a rule has { $known }.
operator-filter-file = FILTER_FILE { $path } cannot be used: { $reason }
operator-filter-file-entry = FILTER_FILE { $path } cannot be used, entry { $number }: { $reason }

## The audit

audit-filter-added = { $actor } added filter rule { $rule }: { $kind } { $pattern }, { $action }
audit-filter-removed = { $actor } removed filter rule { $rule }: { $kind } { $pattern }, { $action }
audit-filter-hit = Filter rule { $rule } ({ $list }, { $action }) found something in a request of { $member } in <#{ $channel_id }>
audit-filter-slow = Filter rule { $rule } ({ $list }) took too long for a request of { $member }, and was passed over: write it otherwise
audit-floor-hit = A request of { $member } in <#{ $channel_id }> combined sexual words with minors and was refused
audit-floor-blocked = { $member } is blocked everywhere, after three such requests within a day, until the person who runs this bot lifts it
