"""Reads a workbook once with one reader, and prints what it took. Imports are not counted.

usage: bench.py python-calamine|polars|openpyxl FILE [ROWS]

With ROWS only so many rows are read, where the reader can stop.
"""

import json
import sys
import time


def peak_kib():
    """The most memory that this process had, as Linux counts it for this program alone."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


def with_python_calamine(path, _most):
    from python_calamine import CalamineWorkbook

    yield
    yield sum(1 for _ in CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows()) - 1


def with_polars(path, _most):
    import fastexcel  # noqa: F401 what polars reads workbooks with
    import polars

    yield
    # Columns of one type are what it has; a wrong cell is null, as its users want it.
    yield polars.read_excel(path, engine="calamine", infer_schema_length=1000).height


def with_openpyxl(path, most):
    from openpyxl import load_workbook

    yield
    sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
    yield sum(1 for _ in sheet.iter_rows(values_only=True, max_row=most and most + 1)) - 1


READERS = {"python-calamine": with_python_calamine, "polars": with_polars, "openpyxl": with_openpyxl}


def main(reader, path, most=None):
    work = READERS[reader](path, most and int(most))
    next(work)
    begun = time.perf_counter()
    rows = next(work)
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak_kib": peak_kib(), "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
