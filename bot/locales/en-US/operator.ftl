## What the operator reads on the terminal

operator-servers-undecided = The bot is in several servers and SERVERS names none: it serves none of them. Put the ids of those to serve into SERVERS.
operator-help = A Discord bot that draws with Stable Diffusion on this machine.
operator-help-run = Connect to Discord and draw; needs DISCORD_TOKEN.
operator-help-demo = The real bot in a local page: no token, no network.
operator-help-migrate = Bring the database up to date, and name the migrations that were applied.
operator-help-port = the page's port (default 8787)
operator-help-no-browser = print the page's address, but open no browser
operator-help-database = keep the demo's database in this file (default: a temporary one)
operator-up-to-date = { $path } is up to date.
operator-no-token = DISCORD_TOKEN is not set: create an application at https://discord.com/developers/applications, copy its token from the page “Bot” into .env, or try `python -m bot demo`, which needs none.
operator-wrong-token = Discord does not know this DISCORD_TOKEN: copy it again from the page “Bot” of your application at https://discord.com/developers/applications.
operator-no-discord = Discord cannot be reached: { $error }.

demo-page = The bot and its page are at
demo-ssh = From another machine, first run: ssh -L { $port }:127.0.0.1:{ $port } { $host }
demo-port-in-use = Port { $port } is in use: choose another with --port.
demo-not-started = The page cannot start: { $error } Choose another port with --port.
demo-prompt = a red heart on a blue background
demo-first-picture = “{ $prompt }” took { $seconds } s:
