"""What each command does: one file a family, named like its file in `protocol.imap.commands`.

What comes in: the session and a command. What goes out: untagged responses by the session, and the completion. The caller is
`dispatch`.
"""
