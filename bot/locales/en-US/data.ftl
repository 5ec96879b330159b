## A member's own data

command-mydata = mydata
    .description = What is kept about you: get it, or have it erased.
command-mydata-export = export
    .description = A file with everything that is kept about you, for you alone.
command-mydata-delete = delete
    .description = Withdraw what you have waiting, and erase what you wrote.
mydata-export = { $left ->
    [0] { $count ->
        [one] Everything that is kept about you: { $count } request.
       *[other] Everything that is kept about you: { $count } requests.
    }
   *[other] What is kept about you: { $count } requests, without { $left } pictures that did not fit into one file.
}
mydata-too-large = What is kept about you does not fit into a file that Discord takes; ask the person who runs this bot for it.
mydata-ask = This withdraws what you have waiting, and erases the words of all your requests, and your pictures that are kept here, in every server and direct message of this bot. What you have been charged, and whether you are blocked, stays. It cannot be undone.
mydata-unticked = ☐ Delete the messages with my pictures, too
mydata-ticked = ☑ Delete the messages with my pictures, too
button-erase = Erase my data
mydata-erased = { $count ->
    [one] The words of { $count } request are erased.
   *[other] The words of { $count } requests are erased.
}
mydata-withdrawn = { $count ->
    [one] { $count } of them was waiting, and is withdrawn and refunded.
   *[other] { $count } of them were waiting, and are withdrawn and refunded.
}
mydata-messages = { $count ->
    [one] { $count } message is being deleted.
   *[other] { $count } messages are being deleted, as fast as Discord takes that.
}
headline-erased = (erased)
erased = Withdrawn, since its owner had their data erased.
request-erased = The words of this request were erased, so it cannot be drawn again.

## The operator's commands about what is kept

operator-help-backup = Write the database and the pictures that are kept into one archive, also while the bot runs.
operator-help-backup-file = the archive, a new file
backup-written = { $count ->
    [0] { $path } holds the database.
    [one] { $path } holds the database and { $count } picture.
   *[other] { $path } holds the database and { $count } pictures.
}
backup-exists = { $path } exists already: choose another name.
backup-not-written = { $path } cannot be written: { $error }.
operator-help-forget = Erase what a member wrote and their kept pictures, also while the bot runs; what they were charged and blocks stay.
operator-help-forget-user = the member's id
operator-help-forget-messages = let the bot delete the messages of their requests from Discord, too
operator-no-user-id = { $value } is no user id, which is a number like 81384788765712384
forgotten = Of { $user }, the words of { $requests } requests are erased, { $withdrawn } of them withdrawn; { $messages } messages will be deleted by the bot.
