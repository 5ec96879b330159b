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
