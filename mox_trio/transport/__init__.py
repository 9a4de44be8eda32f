"""The network: listeners, streams with deadlines and TLS, dialling, and DNS.

Bytes and answers go out to whoever asked; nothing here knows what mail is. Open `connection`
first.
"""
