"""Benchmark of fastgru against other libraries and the machine (README.md): ``python -m fastgru bench``."""
