## What a request costs, and what is left

price = { $count ->
    [one] { $count } picture, about { $seconds } s
   *[other] { $count } pictures, about { $seconds } s
}
cost = { $count ->
    [one] { $count } picture, { $seconds } s
   *[other] { $count } pictures, { $seconds } s
}
left-of-today = { $limit ->
    [one] { $left } of { $limit } picture left today
   *[other] { $left } of { $limit } pictures left today
}
left-of-today-and-seconds = { $limit ->
    [one] { $left } of { $limit } picture and { $seconds } s left today
   *[other] { $left } of { $limit } pictures and { $seconds } s left today
}

## /quota

quota-left = { $limit ->
    [one] { $left } of { $limit } picture left today.
   *[other] { $left } of { $limit } pictures left today.
}
quota-refill = All of them again { $more_at }.
quota-places = { $held } of { $limit } places in the line taken.
quota-seconds = { $seconds } s left today.
quota-waiting = #{ $id } · **{ $prompt }** · { $facts }
quota-waiting-more = … and { $count ->
    [one] { $count } more that waits
   *[other] { $count } more that wait
}
quota-link = [show]({ $url })
quota-ledger = The last ones:
quota-entry = #{ $id } · { $facts }
quota-reserved = reserved { $amount }
quota-spent = spent { $amount }
quota-refunded = refunded { $amount }
quota-pictures = { $count ->
    [one] { $count } picture
   *[other] { $count } pictures
}
quota-s = { $seconds } s
quota-nothing = nothing
