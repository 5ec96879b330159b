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
