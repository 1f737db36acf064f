"""Write an evaluation as one HTML file: figures, pictures to compare, filters and curves.

This package only presents: the caller has done the measuring. `contents.py` defines the input,
`encode.py` encodes pictures, `charts.py` and `filters.py` draw; `tables.py`, `pictures.py` and
`networks.py` make the parts of the page, and `page.py` combines them with `page.html`, `style.css`
and `script.js`.
"""

from minisr.evaluation.report.contents import Curve, Method, Section, make_section
from minisr.evaluation.report.page import write_report

__all__ = ["Curve", "Method", "Section", "make_section", "write_report"]
