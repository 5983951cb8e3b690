"""Hive data definition as Athena reads it: enough to know a table that Palisade or the AWS documentation creates."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""
    \s+ | --[^\n]*(?:\n|$) | /\*.*?\*/
  | (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
  | (?P<quoted>`[^`]+`)
  | (?P<word>[A-Za-z_0-9$][A-Za-z_0-9$.\-]*)
  | (?P<mark>[(),:<>=;?*])
    """,
    re.VERBOSE | re.DOTALL,
)


class DdlError(Exception):
    """The text is not what the front understands; the message says where."""


@dataclass
class Table:
    """What a CREATE EXTERNAL TABLE says."""

    database: str | None
    name: str
    if_not_exists: bool
    columns: list[tuple[str, str]]
    partition_keys: list[tuple[str, str]]
    comment: str | None = None
    serde: str | None = None
    serde_properties: dict[str, str] = field(default_factory=dict)
    input_format: str | None = None
    output_format: str | None = None
    location: str | None = None
    properties: dict[str, str] = field(default_factory=dict)

    def is_cloudtrail(self) -> bool:
        return "cloudtrail" in (self.input_format or "").lower() or "cloudtrailserde" in (self.serde or "").lower()


def tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise DdlError(f"mismatched input '{text[position:position + 20]}' at character {position}")
        position = match.end()
        kind = match.lastgroup
        if kind == "string":
            body = match.group()[1:-1].replace("''", "'")
            found.append(("string", re.sub(r"\\(.)", r"\1", body)))
        elif kind == "quoted":
            found.append(("name", match.group()[1:-1]))
        elif kind:
            found.append((kind, match.group()))
    return found


class Reader:
    def __init__(self, text: str):
        self.tokens = tokens(text)
        self.at = 0

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ("end", "")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def keyword(self, *words: str) -> bool:
        """Consumes the words if they come next."""
        for ahead, word in enumerate(words):
            kind, text = self.peek(ahead)
            if kind != "word" or text.upper() != word:
                return False
        self.at += len(words)
        return True

    def mark(self, mark: str) -> bool:
        if self.peek() == ("mark", mark):
            self.at += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.mark(mark):
            raise DdlError(f"mismatched input '{self.peek()[1]}' expecting '{mark}'")

    def string(self) -> str:
        kind, text = self.next()
        if kind != "string":
            raise DdlError(f"mismatched input '{text}' expecting STRING")
        return text

    def identifier(self) -> str:
        kind, text = self.next()
        if kind not in ("word", "name"):
            raise DdlError(f"mismatched input '{text}' expecting an identifier")
        return text.lower()

    def qualified(self) -> tuple[str | None, str]:
        """`table` or `database.table`, each part quoted or not; a leading catalog is dropped."""
        kind, text = self.next()
        parts = [text] if kind == "name" else text.split(".")
        while parts[-1] == "" or self.peek()[1].startswith("."):
            kind, text = self.next()
            parts = [part for part in parts if part] + [part for part in ([text] if kind == "name" else text.split(".")) if part]
        parts = [part.lower() for part in parts]
        return (parts[-2] if len(parts) > 1 else None, parts[-1])

    def type(self) -> str:
        kind, text = self.next()
        if kind != "word":
            raise DdlError(f"mismatched input '{text}' expecting a type")
        name = text.lower()
        if name in ("array", "map", "struct"):
            self.expect("<")
            parts = []
            while True:
                if name == "struct":
                    member = self.identifier()
                    self.expect(":")
                    parts.append(f"{member}:{self.type()}")
                else:
                    parts.append(self.type())
                if not self.mark(","):
                    break
            self.expect(">")
            return f"{name}<{','.join(parts)}>"
        if self.mark("("):
            arguments = [self.next()[1]]
            while self.mark(","):
                arguments.append(self.next()[1])
            self.expect(")")
            return f"{name}({','.join(arguments)})"
        return name

    def columns(self) -> list[tuple[str, str]]:
        self.expect("(")
        columns = []
        while True:
            name = self.identifier()
            columns.append((name, self.type()))
            if self.keyword("COMMENT"):
                self.string()
            if not self.mark(","):
                break
        self.expect(")")
        return columns

    def properties(self) -> dict[str, str]:
        self.expect("(")
        found = {}
        while True:
            key = self.string()
            self.expect("=")
            found[key] = self.string()
            if not self.mark(","):
                break
        self.expect(")")
        return found


STORED_AS = {
    "PARQUET": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "TEXTFILE": None,
    "JSON": "org.apache.hive.hcatalog.data.JsonSerDe",
}


def create_table(text: str) -> Table:
    reader = Reader(text)
    if not reader.keyword("CREATE", "EXTERNAL", "TABLE"):
        raise DdlError("expected CREATE EXTERNAL TABLE")
    if_not_exists = reader.keyword("IF", "NOT", "EXISTS")
    database, name = reader.qualified()
    table = Table(database, name, if_not_exists, reader.columns(), [])
    while reader.peek()[0] != "end" and not reader.mark(";"):
        if reader.keyword("COMMENT"):
            table.comment = reader.string()
        elif reader.keyword("PARTITIONED", "BY"):
            table.partition_keys = reader.columns()
        elif reader.keyword("ROW", "FORMAT", "SERDE"):
            table.serde = reader.string()
        elif reader.keyword("WITH", "SERDEPROPERTIES"):
            table.serde_properties = reader.properties()
        elif reader.keyword("STORED", "AS", "INPUTFORMAT"):
            table.input_format = reader.string()
        elif reader.keyword("OUTPUTFORMAT"):
            table.output_format = reader.string()
        elif reader.keyword("STORED", "AS"):
            form = reader.identifier().upper()
            if form not in STORED_AS:
                raise DdlError(f"mismatched input '{form}' expecting PARQUET, ORC, JSON or TEXTFILE")
            table.serde = table.serde or STORED_AS[form]
        elif reader.keyword("LOCATION"):
            table.location = reader.string()
        elif reader.keyword("TBLPROPERTIES"):
            table.properties = reader.properties()
        else:
            raise DdlError(f"mismatched input '{reader.peek()[1]}' expecting <EOF>")
    if not table.location:
        raise DdlError("an external table needs a LOCATION")
    return table


SCALARS = {"string": "varchar", "int": "integer", "float": "real", "binary": "varbinary", "timestamp": "timestamp(3)"}


def trino_type(hive: str) -> str:
    """The type of a Hive column in Trino's words."""
    reader = Reader(hive)

    def read() -> str:
        _, name = reader.next()
        name = name.lower()
        if name in ("array", "map"):
            reader.expect("<")
            inner = [read()]
            while reader.mark(","):
                inner.append(read())
            reader.expect(">")
            return f"{name}({', '.join(inner)})"
        if name == "struct":
            reader.expect("<")
            members = []
            while True:
                member = reader.identifier()
                reader.expect(":")
                members.append(f'"{member}" {read()}')
                if not reader.mark(","):
                    break
            reader.expect(">")
            return f"row({', '.join(members)})"
        if reader.mark("("):
            arguments = [reader.next()[1]]
            while reader.mark(","):
                arguments.append(reader.next()[1])
            reader.expect(")")
            return f"{name}({', '.join(arguments)})"
        return SCALARS.get(name, name)

    return read()
