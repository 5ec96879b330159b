## The models' licences

licence-line = -# { $model } is under the licence { $licence }. What it asks holds for your pictures, too: /help says more.
licence-line-restricted = -# { $model } is under the licence { $licence }, which forbids uses that break the law or harm, deceive or exploit people. It holds for your pictures, too: /help has the list.
licence-restrictions = It forbids to use the model or its pictures: to break the law; to exploit or harm minors; to spread false information in order to harm others; to defame, harass or discriminate; to misuse personal data; to exploit the weaknesses of a group; to give medical advice; to decide by machine about somebody's rights; or for law enforcement and justice that predict what somebody will do.
licence-texts = The licence, as it came with { $title }:
licence-no-texts = { $title } came without the text of its licence.
button-licence = Read the licence
button-agree = I agree
agree-ask = { $model } is under the licence { $licence }. What it asks holds for every picture that you make with it.
agree-go-on = Do you agree? Your request goes on as soon as you do.
agree-gone = What you had typed is no longer kept here: send it again.
audit-agreed = { $actor } agreed to the licence { $licence }.
