## /quota

quota-left = { $limit ->
    [one] { $left } of { $limit } picture left today.
   *[other] { $left } of { $limit } pictures left today.
}
quota-refill = All of them again { $more_at }.
quota-places = { $held } of { $limit } places in the line taken.
quota-waiting = #{ $id } · **{ $prompt }** · { $place }
