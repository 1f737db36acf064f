"""How every kernel of this folder is compiled."""

# Additions may be reordered and fused with multiplications, which is what lets a loop use vectors.
# Never ``fastmath=True``: it would also assume that no NaN and no infinity exists.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}

# nogil: threads run side by side. error_model: Python's check for division by zero would stop
# vectorisation. cache: compilation is paid once a machine, not once a run.
OPTIONS = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy", "cache": True}
