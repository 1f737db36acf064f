"""The notebook of the examples runs from beginning to end, and shows what it says."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs nbformat and nbclient")
nbclient = pytest.importorskip("nbclient", reason="needs nbformat and nbclient")
pytest.importorskip("ipykernel", reason="needs a kernel for notebooks")
pytest.importorskip("skimage", reason="needs the pictures inside scikit-image's wheel")

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook.ipynb"


# What Jupyter's own packages warn of is not ours to mend.
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs_and_shows_pictures(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output
    ]
    pages = [output["data"].get("text/html", "") for output in outputs]
    assert sum("<img " in page for page in pages) == 4
    assert sum("<svg " in page for page in pages) == 2
    trained = next(page for page in pages if "after 1500 steps" in page)
    assert "bicubic" in trained
    scores = next(page for page in pages if "<td>mean</td>" in page)
    assert "espcn" in scores
