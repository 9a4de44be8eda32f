"""Mail on its way out: taken from users and other rooms, kept in the queue, brought to its hosts, reported about.

In come a message and its envelope (`submit`), out go conversations with other hosts and notices to senders. `app` and the
servers call. A message waits as a row; an attempt makes it a `job.Job`, `delivering` brings that where it belongs and says for
each recipient what became of it. Open `job` first.
"""
