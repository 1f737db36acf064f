"""One HTML file that shows an evaluation: figures, pictures to wipe between, filters, curves.

Presentation alone: whoever calls it has measured already. `contents.py` says what goes in,
`encode.py` makes files of pictures, `charts.py` and `filters.py` draw, `page.py` puts it together;
`page.html`, `style.css` and `script.js` become part of the page, which needs nothing else.
"""

from minisr.report.contents import Curve, Method, Section, make_section
from minisr.report.page import write_report

__all__ = ["Curve", "Method", "Section", "make_section", "write_report"]
