"""What programs ask a mail domain's web server for: settings of mail clients, and the MTA-STS policy.

What comes in: a `running.Web` and the name of a host. What goes out: documents that are made from the configuration in force.
They tell nobody's mail or name: an address is only told what its domain is. Open first: `application.py`.
"""
