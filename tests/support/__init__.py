"""What the tests of several rooms share; on the import path through pytest's `pythonpath`."""
