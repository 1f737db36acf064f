"""The weights that come with minisr; `minisr.models` reads them."""
