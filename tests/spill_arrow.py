# SPDX-License-Identifier: BSD-3-Clause
"""Reads the streams that spilled buffers are written as by Arrow's own library. usage: spill_arrow.py TEST_SPILL"""
import glob
import os
import subprocess
import sys
import tempfile

try:
    import pyarrow as pa
except ImportError:
    other = os.environ.get("VCOL_PYARROW_PYTHON")  # a Python that has it
    if other and not os.environ.get("VCOL_PYARROW_TRIED"):
        os.environ["VCOL_PYARROW_TRIED"] = "1"
        os.execv(other, [other, *sys.argv])
    print("skipped: no pyarrow")
    sys.exit(77)

TYPES = {
    "bool": pa.int8(), "int8": pa.int8(), "uint8": pa.uint8(), "int16": pa.int16(), "uint16": pa.uint16(),
    "int32": pa.int32(), "uint32": pa.uint32(), "int64": pa.int64(), "uint64": pa.uint64(),
    "float32": pa.float32(), "float64": pa.float64(), "string": pa.uint8(),
}

count = 0
with tempfile.TemporaryDirectory() as directory:
    subprocess.run([sys.argv[1], "--streams", directory], check=True)
    for path in sorted(glob.glob(directory + "/*.arrows")):
        name = path.rsplit("/", 1)[1].split("-")[0]
        with open(path, "rb") as f:
            table = pa.ipc.open_stream(f).read_all()
        table.validate(full=True)
        assert table.num_columns == 1 and table.schema.names == ["given"], (path, table.schema)
        column = table.column(0).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        if name == "bool":
            assert isinstance(column.type, pa.BaseExtensionType) and column.type.extension_name == "arrow.bool8", (path, column.type)
            column = column.storage
        assert column.type == TYPES[name] and column.null_count == 0, (path, column.type)
        values = open(path[: -len("arrows")] + "values", "rb").read()
        got = column.buffers()[1]
        got = b"" if got is None else got.to_pybytes()
        width = TYPES[name].bit_width // 8
        assert len(column) * width == len(values) and got[: len(values)] == values, path
        count += 1
assert count == len(TYPES) * 24, count
print(count, "streams")
