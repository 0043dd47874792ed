"""The summary: one row per result, one column per phase."""

def megabytes(kilobytes: int | None) -> str:
    return "-" if kilobytes is None else f"{kilobytes / 1000:.1f}"


WHEN = ("before", "most", "after")
ROWS = [
    ("seconds", lambda row: f"{row['seconds']:.0f}"),
    ("requests/s", lambda row: row.get("per_second", "-")),
    ("good ms, p50", lambda row: row.get("good_ms", {}).get("p50", "-")),
    ("  p90", lambda row: row.get("good_ms", {}).get("p90", "-")),
    ("  p99", lambda row: row.get("good_ms", {}).get("p99", "-")),
    ("  max", lambda row: row.get("good_ms", {}).get("p100", "-")),
    ("health ms, p50", lambda row: row.get("health_ms", {}).get("p50", "-")),
    ("  p99", lambda row: row.get("health_ms", {}).get("p99", "-")),
    ("  max", lambda row: row.get("health_ms", {}).get("p100", "-")),
    ("RSS MB, start", lambda row: megabytes(row.get("rss_start_kb"))),
    ("  after warm-up", lambda row: megabytes(row.get("rss_warm_kb"))),
    ("  end", lambda row: megabytes(row.get("rss_end_kb"))),
    ("  peak", lambda row: megabytes(row.get("rss_peak_kb"))),
    ("address space MB, peak", lambda row: megabytes(row.get("peak_address_space_kb"))),
    ("  limit", lambda row: megabytes(row.get("address_space_kb"))),
    ("fds before/most/after", lambda row: "/".join(str(row.get(f"fds_{when}", "-")) for when in WHEN)),
    ("threads, most", lambda row: row.get("threads_most", "-")),
    ("cache hits/misses", lambda row: "/".join(str(row.get("cache", {}).get(name, 0)) for name in ("hit", "miss"))),
    ("exit status, s", lambda row: f"{row.get('exit_status', '-')}, {row.get('exit_seconds', '-')}"),
    ("answered while ending", lambda row: row.get("answered_while_ending", "-")),
    ("failures", lambda row: row["failed"]),
]


def table(phases: list[dict]) -> str:
    names = [row["phase"] for row in phases]
    statuses = sorted({status for row in phases for status in row.get("requests", {})})
    lines = [["", *names]]
    for title, cell in ROWS:
        lines.append([title, *(str(cell(row)) for row in phases)])
        if title == "requests/s":
            for status in statuses:
                lines.append([f"  {status}", *(str(row.get("requests", {}).get(status, 0)) for row in phases)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(names) + 1)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))])
        for line in lines
    )
