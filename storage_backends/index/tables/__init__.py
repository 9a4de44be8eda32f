"""What can be asked of the index, one module a subject: plain functions on a `Transaction`, called inside units."""
