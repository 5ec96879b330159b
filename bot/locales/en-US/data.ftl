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
