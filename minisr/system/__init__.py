"""The machine below minisr: atomic files, tensor files, threads, memory, installed software."""
