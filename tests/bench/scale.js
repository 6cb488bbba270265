// How the bridge grows: the ordeal of tests/e2e/fleet.js with 100 and with 10,000 lights of all families on one broker.
import { Fleet, growth, ordeal } from "../e2e/fleet.js";

const FEW = 100;
const MANY = process.argv.includes("--quick") ? 1000 : 10_000;

/** What the harness takes for a test: it ends what was started, last first. */
async function measured(count) {
    const ends = [];
    const t = { after: (end) => ends.push(end) };
    process.stderr.write(`bench: ${count} lights of all families\n`);
    try {
        return await ordeal(await Fleet.start(t, count));
    } finally {
        for (const end of ends.reverse()) {
            await end();
        }
    }
}

try {
    const few = await measured(FEW);
    console.log(`\n${growth(FEW, MANY, few, await measured(MANY))}`);
} catch (error) {
    console.error(`bench: not measured: ${error.stack}`);
    process.exitCode = 1;
}
