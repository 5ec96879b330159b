## Why a waiting request ended: its member

member-gone = The member is no longer in this server.
member-timed-out = The member was timed out.
member-blocked = The member is blocked from drawing here.
