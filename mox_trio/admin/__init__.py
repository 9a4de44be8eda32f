"""Operations of an administrator, for the command line and the web pages alike: accounts, domains, addresses.

The document is the truth for what exists; rows follow it. A change is first written to the document (checked whole,
compare-and-set), then to the rows. Open `accounts.py` first.
"""
