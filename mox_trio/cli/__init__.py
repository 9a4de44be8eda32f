"""The command line: arguments in, text or JSON and an exit code out.

`main.py` is the table of commands (open it first); each group of commands is one file in `commands/`, imported when
it is called.
"""
