"""The searches on a Dask cluster: real workers, and the scores of the serial search."""

from pathlib import Path

import pytest


def test_all_backends_find_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("dask.distributed", reason="install the extra search")
    import search_on_a_cluster

    found = search_on_a_cluster.main(["--quick", "--output", str(tmp_path)])
    assert list(found) == ["sequential", "loky", "dask"]
    for kind in ("grid", "random"):
        assert found["dask"][kind].best_params_ == found["sequential"][kind].best_params_
        assert len(found["dask"][kind].cv_results_["params"]) >= 16
    output = capsys.readouterr().out
    assert "equal to the last bit" in output
    assert "NOT SHOWN" not in output
    assert (tmp_path / "search_on_a_cluster.png").read_bytes().startswith(b"\x89PNG")
