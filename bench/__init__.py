"""What is measured, and how: `python -m bench` prints every figure; nothing here is part of the tests."""
