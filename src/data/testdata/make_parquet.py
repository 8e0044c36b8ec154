"""Makes rows.parquet, three rows of chats beside a plain column, and tools.parquet, the row of tools.jsonl, whose two
tools have different parameters, and classes.parquet, rows whose file says what datasets' classes are called. Needs
pyarrow."""
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

rows = [
    {"messages": [{"role": "user", "content": f"What is {i} + 1?"}, {"role": "assistant", "content": str(i + 1)}],
     "source": "counting"}
    for i in range(3)
]
pq.write_table(pa.Table.from_pylist(rows), pathlib.Path(__file__).with_name("rows.parquet"), compression="snappy")

tools = pathlib.Path(__file__).with_name("tools.jsonl")
pq.write_table(pa.Table.from_pylist([json.loads(line) for line in tools.read_text().splitlines()]),
               tools.with_suffix(".parquet"), compression="snappy")

features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
classes = pa.Table.from_pylist([{"text": "good", "label": 1}, {"text": "bad", "label": 0}])
pq.write_table(classes.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}),
               tools.with_name("classes.parquet"), compression="snappy")
