## Until when something holds, and since when, as moderators type it

span-hour = an hour
span-day = a day
span-week = a week
span-for-good = for good
since-hour = the last hour
since-day = the last day
since-week = the last week
span-unknown = I do not understand { $text } as a time. Write 2h, 3 days, a date like 2026-12-31, or “for good”.
span-past = { $text } is over already.
span-too-long = { $text } is more than ten years away. Write a nearer time, or “for good”.
since-unknown = I do not understand { $text } as a time. Write 2h, 3 days, or a date like 2026-12-31.
since-future = { $text } is still to come.
