"""fastgru against its peers and against the machine: see README.md. Run with ``python -m fastgru bench``."""
