"""What bytes mean, without I/O: bytes go in, values come out, and back. `mime/` is the structure of messages."""
