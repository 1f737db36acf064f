"""One HTML file that shows an evaluation: figures, pictures to wipe between, filters, curves.

Presentation alone: whoever calls it has measured already. `contents.py` says what goes in,
`encode.py` makes files of pictures, `charts.py` and `filters.py` draw; `tables.py`, `pictures.py`
and `networks.py` are the parts of the page, and `page.py` puts them together with `page.html`,
`style.css` and `script.js`.
"""

from minisr.evaluation.report.contents import Curve, Method, Section, make_section
from minisr.evaluation.report.page import write_report

__all__ = ["Curve", "Method", "Section", "make_section", "write_report"]
