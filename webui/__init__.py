"""The web pages of mox-trio: an ASGI application that knows the services and is known by nobody."""
