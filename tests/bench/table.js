// Figures of several runs, and the one table.

/** The middle of the runs, with the least and the greatest. */
export function median(values) {
    const sorted = values.filter((v) => v !== undefined).sort((a, b) => a - b);
    if (sorted.length === 0) {
        return undefined;
    }
    const middle = sorted.length >> 1;
    return {
        value: sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2,
        least: sorted[0],
        most: sorted.at(-1),
    };
}

function text(value) {
    if (value === undefined) {
        return "";
    }
    if (value >= 1000) {
        return Math.round(value).toLocaleString("en-US");
    }
    return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2).replace(/^0\.00$/, "0");
}

function cell(figure) {
    if (!figure) {
        return "not measured";
    }
    const range = figure.least === figure.most ? "" : ` (${text(figure.least)}-${text(figure.most)})`;
    return `${text(figure.value)}${range}`;
}

/** How many times better the first is than the second. */
function ratio(row) {
    if (!row.ours || !row.theirs || row.better === undefined) {
        return "";
    }
    const [up, down] = row.better === "more" ? [row.ours.value, row.theirs.value] : [row.theirs.value, row.ours.value];
    return down > 0 ? `${text(up / down)}x` : "";
}

export function print(rows, peer = "peer") {
    const lines = [
        ["figure", "unit", "lightbridge", peer, "ratio", "aim"],
        ...rows.map((row) => [row.figure, row.unit, cell(row.ours), cell(row.theirs), ratio(row), row.aim ?? ""]),
    ];
    const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)));
    const line = (cells) => cells.map((c, i) => (i > 1 && i < 5 ? c.padStart(widths[i]) : c.padEnd(widths[i]))).join("  ").trimEnd();
    console.log(line(lines[0]));
    console.log(widths.map((w) => "-".repeat(w)).join("  "));
    for (const cells of lines.slice(1)) {
        console.log(line(cells));
    }
}
