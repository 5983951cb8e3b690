"""The results as Markdown."""

from statistics import median

MIB = 2**20


def markdown(results, shown):
    parts = [heading(results)]
    for part, writer in [("realistic", realistic), ("large", large), ("memory", memory), ("queries", queries), ("start", start), ("sample", sample)]:
        if part in shown:
            parts.append(writer(results["parts"][part], shown[part]))
    parts.insert(1, targets(results, shown))
    return "\n".join(parts)


def table(head, rows):
    """A table; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def mebibytes(value):
    return f"{value / MIB:,.0f}"


def times(ratio):
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def heading(results):
    loads = [results["load_before"], *(value for part in results["parts"].values() for value in part.get("load", []))]
    facts = {**results["machine"], **results["versions"]}
    facts["Load average"] = f"{results['load_before']:.2f} before, up to {max(loads):.2f} between the parts"
    text = f"# Results\n\nTaken {results['taken_at']}, as [README.md](../README.md) says. The question: [question.md](../question.md).\n\n"
    text += "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in facts.items())
    if results["load_before"] > 0.5:
        text += "\n**The machine was busy with other work.** Times are longer than on a quiet one, and ratios are uncertain.\n"
    if results.get("wrong"):
        text += "\n**The answers differ:**\n\n" + "".join(f"- {wrong}\n" for wrong in results["wrong"])
    return text


def by_name(series):
    return {one.name: one for one in ran(series)}


def targets(results, shown):
    """What must be reached, and whether it is. Ratios are of medians, in brackets of minima."""
    rows = []

    def ratio(part, slow, fast):
        """Where a tool was asked in two ways whose names begin alike, its faster way counts."""
        known = by_name(shown[part])
        ways = sorted((one for name, one in known.items() if name.startswith(slow)), key=lambda one: one.median)
        if not ways or fast not in known:
            return None
        return ways[0].median / known[fast].median, ways[0].minimum / known[fast].minimum

    def compare(text, part, slow, fast, limit, at_least):
        if part in shown:
            found = ratio(part, slow, fast)
            if found is None:
                rows.append((text, "not measured", ""))
            else:
                reached = found[0] >= limit if at_least else found[0] <= limit
                rows.append((text, f"{times(found[0])} ({times(found[1])})", "yes" if reached else "**no**"))

    def below(text, one, value, limit, unit):
        if one.error or not one.runs:
            rows.append((text, "not measured", ""))
        else:
            found = value(one)
            rows.append((text, f"{found:.2f} s" if unit == "s" else f"{found:.0f} {unit}", "yes" if found < limit else "**no**"))

    floor = "Floor: inflate and walk, "
    compare("Thousands of files: at least 3 times as fast as ClickHouse, its faster way", "realistic", "ClickHouse", "Palisade", 3, True)
    compare("Thousands of files: at least 30 times as fast as DuckDB, `read_json`", "realistic", "DuckDB, read_json", "Palisade", 30, True)
    compare("… and DuckDB with JSON paths", "realistic", "DuckDB, JSON paths", "Palisade", 30, True)
    compare("Thousands of files: within 1.5 times the floor, lazy reader", "realistic", "Palisade", floor + "lazy", 1.5, False)
    compare("… and typed reader", "realistic", "Palisade", floor + "typed", 1.5, False)
    compare("Few large files: at least 2 times as fast as ClickHouse, its faster way", "large", "ClickHouse", "Palisade", 2, True)
    compare("Few large files: within 1.5 times the floor, lazy reader", "large", "Palisade", floor + "lazy", 1.5, False)
    compare("… and typed reader", "large", "Palisade", floor + "typed", 1.5, False)
    for number, what in [(0, "the question"), (1, "all queries")] if "memory" in shown else []:
        (few, small), (many, big) = [(events, series[number]) for events, _, _, series in shown["memory"]]
        if small.runs and big.runs and not small.error and not big.error:
            change = 100 * (big.memory / small.memory - 1)
            text = f"{many:,} records in the memory of {few:,}, {what}: within 20 %"
            rows.append((text, f"{change:+.0f} %", "yes" if abs(change) <= 20 else "**no**"))
        below(f"{many:,} records, {what}: under 1 GiB", big, lambda one: one.memory / MIB, 1024, "MiB")
    if "queries" in shown and len(ran(shown["queries"])) == len(shown["queries"]):
        *alone, together = shown["queries"]
        single = median(one.median for one in alone)
        ratio = together.median / single
        rows.append((f"All {len(alone)} queries in at most 3 times the time of a single query (median of them)", times(ratio),
                     "yes" if ratio <= 3 else "**no**"))
    if "start" in shown:
        below("`palisade --help` under 30 ms", shown["start"][0], lambda one: one.median * 1000, 30, "ms")
    if "sample" in shown:
        below("The sample organization, all queries, every format, under 5 s", shown["sample"][1], lambda one: one.median, 5, "s")
    text = "## What must be reached\n\nRatios of medians, in brackets of minima.\n\n"
    return text + table(["", "measured", "reached"], rows)


def comparison(title, part, series):
    facts = part["facts"]
    known = by_name(series)
    palisade = known.get("Palisade")
    rows = []
    for one in series:
        if one.error or not one.runs:
            rows.append((one.name, "failed", "", "", "", "", one.error or ""))
            continue
        ratio = times(one.median / palisade.median) if palisade else ""
        rows.append((one.name, seconds(one.minimum), seconds(one.median), ratio, seconds(one.processor), mebibytes(one.memory), len(one.runs)))
    text = f"## {title}\n\n{facts['records']:,} records in {facts['files']:,} files: {facts['compressed'] / MIB:,.0f} MiB of gzip, "
    text += f"{facts['bytes'] / MIB:,.0f} MiB of JSON, the largest file {facts['largest'] / MIB:,.1f} MiB. "
    text += f"{facts['selected']:,} calls in {facts.get('rows', 0):,} rows of the answer. "
    text += f"Load average {part['load'][0]:.2f} before, {part['load'][1]:.2f} after.\n\n" if "load" in part else "\n\n"
    return text + table(["", "minimum s", "median s", "times Palisade", "processor s", "memory MiB", "runs"], rows)


def realistic(part, series):
    return comparison("Thousands of files, as a trail delivers them", part, series)


def large(part, series):
    return comparison("Few large files", part, series)


def memory(_, sizes):
    rows = []
    for events, facts, _, series in sizes:
        for one in series:
            if one.error or not one.runs:
                rows.append((f"{events:,} records, {one.name}", f"{facts['files']:,}", "failed", "", one.error or ""))
            else:
                rows.append((f"{events:,} records, {one.name}", f"{facts['files']:,}", seconds(one.minimum), mebibytes(one.memory), ""))
    text = "## Memory\n\nPalisade: the question, and `palisade run` with every query over all accounts.\n\n"
    return text + table(["", "files", "s", "largest memory MiB", ""], rows)


def ran(series):
    return [one for one in series if one.runs and not one.error]


def queries(part, series):
    rows = [(one.name, seconds(one.median), seconds(one.processor), mebibytes(one.memory), len(one.runs)) for one in ran(series)]
    text = f"## Queries, one by one and together\n\n`palisade run` over all accounts of the sample organization, {part['facts']['records']:,} records.\n\n"
    return text + table(["", "median s", "processor s", "memory MiB", "runs"], rows)


def start(_, series):
    rows = [(one.name, f"{one.minimum * 1000:.0f}", f"{one.median * 1000:.0f}", len(one.runs)) for one in ran(series)]
    return "## Start\n\nPart of every time above.\n\n" + table(["", "minimum ms", "median ms", "runs"], rows)


def sample(_, series):
    rows = [(one.name, seconds(one.minimum), seconds(one.median), mebibytes(one.memory), len(one.runs)) for one in ran(series)]
    text = "## The sample organization\n\n`palisade run --config samples/palisade.yaml`\n\n"
    return text + table(["", "minimum s", "median s", "memory MiB", "runs"], rows)
