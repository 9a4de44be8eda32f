"""Facts that outlive a message: what was sent to whom and how much, and addresses that get nothing more.

Units for the transactions of others, and what an account's pages ask. Open first: `sent.py`.
"""
