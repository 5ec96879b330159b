"""What the demo shows beside one server and two channels: one of each kind of place, role and person."""

from bot.playground.stage import Stage

MEMBER_COLOR, PATRON_COLOR = 0x3498DB, 0xE91E63
WORKSHOP = "Workshop"


def furnish(stage: Stage) -> None:
    """
    A second server, roles, an age-restricted channel, a closed one, one to read only, a thread, and a forum's post.

    Channels of different servers have different names, by which the page knows them.
    """
    stage.add_role("Members", color=MEMBER_COLOR)
    stage.add_role("Patrons", color=PATRON_COLOR)
    for member in ("ann", "ben"):
        stage.give_role(member, "Members")
    stage.give_role("ann", "Patrons")
    stage.add_channel("news", topic="Moderators write here, everybody reads")
    stage.overwrite("news", "@everyone", deny="send_messages use_application_commands")
    stage.overwrite("news", "Moderators", allow="send_messages use_application_commands")
    stage.add_channel("patrons", topic="For the role Patrons")
    stage.overwrite("patrons", "@everyone", deny="view_channel")
    stage.overwrite("patrons", "Patrons", allow="view_channel")
    stage.overwrite("patrons", "imagine", allow="view_channel")
    stage.add_channel("staff", topic="For moderators: a place for the log")
    stage.overwrite("staff", "@everyone", deny="view_channel")
    stage.overwrite("staff", "Moderators", allow="view_channel")
    stage.overwrite("staff", "imagine", allow="view_channel")
    stage.add_channel("after-dark", nsfw=True, topic="Age-restricted")
    stage.add_thread("sketches", parent="art")
    stage.add_channel("showcase", is_forum=True, topic="One post for each idea")
    stage.add_thread("hearts", parent="showcase")
    stage.add_server(WORKSHOP, members=("ann", "mo"), channels=("bench", "shelf"))
    stage.add_member("kim", server=WORKSHOP, is_moderator=True)
