"""Writes the sheets of a folder with XlsxWriter and openpyxl, and says what other readers find in its workbooks.

usage: write_and_read.py FOLDER

For each FOLDER/NAME.json (columns and rows, as the Rust tests write them) there will be NAME-xlsxwriter.xlsx and
NAME-openpyxl.xlsx. For each *.xlsx, *.xls and *.xlsb there will be a file of the same name with ".cells" behind it: one
JSON array a cell, [row, column, kind, text], or the single line ["refused", reason].
"""

import datetime
import json
import sys
from pathlib import Path

import openpyxl
import pyxlsb
import xlrd
import xlsxwriter
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

FORMATS = {"date": "dd/mm/yyyy", "moment": "yyyy-mm-dd hh:mm:ss", "time": "hh:mm:ss", "elapsed": "[h]:mm"}
XLS_KINDS = {xlrd.XL_CELL_TEXT: "text", xlrd.XL_CELL_NUMBER: "number", xlrd.XL_CELL_DATE: "serial"}


def write_with_xlsxwriter(sheet, path, constant_memory):
    workbook = xlsxwriter.Workbook(path, {"constant_memory": constant_memory, "strings_to_numbers": False})
    formats = {kind: workbook.add_format({"num_format": code}) for kind, code in FORMATS.items()}
    target = workbook.add_worksheet()
    for column, name in enumerate(sheet["columns"]):
        target.write_string(0, column, name)
    for row, values in enumerate(sheet["rows"], start=1):
        for column, value in enumerate(values):
            if value is None:
                continue
            if isinstance(value, bool):
                target.write_boolean(row, column, value)
                continue
            ((kind, content),) = value.items()
            if kind == "text":
                target.write_string(row, column, content)
            elif kind == "error":
                target.write_formula(row, column, "=1/0", None, content)
            else:
                target.write_number(row, column, float(content), formats.get(kind))
    workbook.close()


def write_with_openpyxl(sheet, path, write_only):
    workbook = openpyxl.Workbook(write_only=write_only)
    target = workbook.create_sheet("Sheet1") if write_only else workbook.active
    target.append(sheet["columns"])
    for values in sheet["rows"]:
        target.append([openpyxl_cell(target, value) for value in values])
    workbook.save(path)


def openpyxl_cell(target, value):
    if value is None or isinstance(value, bool):
        return value
    ((kind, content),) = value.items()
    cell = openpyxl.cell.WriteOnlyCell(target)
    if kind == "text":
        # openpyxl refuses what XML cannot hold; it would take a text that looks like an error for one.
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", content)
        cell.data_type = "s"
    elif kind == "error":
        cell.value = content
    else:
        cell.value = float(content)
        if kind in FORMATS:
            cell.number_format = FORMATS[kind]
    return cell


def read_with_openpyxl(path):
    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheet = workbook.worksheets[0]
    # Without this, a reader that streams believes the extent that the file claims.
    sheet.reset_dimensions()
    for row, cells in enumerate(sheet.iter_rows(), start=1):
        for column, cell in enumerate(cells):
            if cell.value is not None:
                yield row, column, *openpyxl_value(cell)
    workbook.close()


def openpyxl_value(cell):
    value = cell.value
    if isinstance(value, bool):
        return "bool", str(value).lower()
    if isinstance(value, (int, float)):
        return "number", repr(value)
    if isinstance(value, datetime.datetime):
        return "clock", nearest_second(value).isoformat()
    if isinstance(value, datetime.date):
        return "clock", value.isoformat()
    if isinstance(value, datetime.time):
        day = datetime.datetime.combine(datetime.date(2000, 1, 1), value)
        return "clock", nearest_second(day).time().isoformat()
    if isinstance(value, datetime.timedelta):
        return "seconds", repr(value.total_seconds())
    return ("error" if cell.data_type == "e" else "text"), value


def nearest_second(moment):
    """The moments of the tests are whole seconds; a serial number is not quite."""
    return (moment + datetime.timedelta(microseconds=500_000)).replace(microsecond=0)


def read_with_xlrd(path):
    sheet = xlrd.open_workbook(path, formatting_info=False).sheet_by_index(0)
    for row in range(sheet.nrows):
        for column, cell in enumerate(sheet.row(row)):
            if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                continue
            if cell.ctype == xlrd.XL_CELL_BOOLEAN:
                yield row + 1, column, "bool", str(bool(cell.value)).lower()
            elif cell.ctype == xlrd.XL_CELL_ERROR:
                yield row + 1, column, "error", xlrd.error_text_from_code[cell.value]
            else:
                text = cell.value if cell.ctype == xlrd.XL_CELL_TEXT else repr(cell.value)
                yield row + 1, column, XLS_KINDS[cell.ctype], text


def read_with_pyxlsb(path):
    with pyxlsb.open_workbook(str(path)) as workbook, workbook.get_sheet(1) as sheet:
        for cells in sheet.rows(sparse=True):
            for cell in cells:
                if cell.v is None:
                    continue
                if isinstance(cell.v, bool):
                    kind, text = "bool", str(cell.v).lower()
                elif isinstance(cell.v, (int, float)):
                    kind, text = "number", repr(cell.v)
                else:
                    kind, text = "text", cell.v
                yield cell.r + 1, cell.c, kind, text


READERS = {".xlsx": read_with_openpyxl, ".xls": read_with_xlrd, ".xlsb": read_with_pyxlsb}


def main(folder):
    for number, source in enumerate(sorted(folder.glob("*.json"))):
        sheet = json.loads(source.read_text("utf-8"))
        write_with_xlsxwriter(sheet, folder / f"{source.stem}-xlsxwriter.xlsx", number % 2 == 0)
        write_with_openpyxl(sheet, folder / f"{source.stem}-openpyxl.xlsx", number % 2 == 0)
    for path in sorted(folder.iterdir()):
        reader = READERS.get(path.suffix)
        if reader is None:
            continue
        try:
            lines = [json.dumps(cell) for cell in reader(path)]
        except Exception as error:  # What a reader says of a file is data here, whatever its kind.
            lines = [json.dumps(["refused", f"{type(error).__name__}: {error}"])]
        path.with_name(path.name + ".cells").write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
