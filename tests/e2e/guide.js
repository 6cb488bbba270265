// The blocks of the guide in packaging/doc, so that tests run what people read.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./harness.js";

export const guide = join(root, "packaging/doc");

/** The contents of a page's fenced blocks of one language. */
export function blocksOf(page, language) {
    const text = readFileSync(join(guide, page), "utf8");
    return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, name]) => name === language).map(([, , block]) => block);
}
