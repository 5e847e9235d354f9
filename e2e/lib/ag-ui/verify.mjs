// Has AG-UI's own client read logs of the runner, one event a line, as it reads a server's stream: its parser, its
// schemas, its verifier, and its reducer. What it objects to is told by file; how the turns ended is counted.
//
//   node verify.mjs FOLDER [ENDING...]
//
// ENDINGs are those that must be met: success, cancelled, interrupt, or the code of a RUN_ERROR.

import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { HttpAgent, enforceEvents, runHttpRequest, transformChunks, transformHttpEventStream, verifyEvents } from "@ag-ui/client";
import { lastValueFrom, tap } from "rxjs";

const broken = {
  "an end without a start": ['{"type":"RUN_STARTED","threadId":"t","runId":"r"}', '{"type":"TEXT_MESSAGE_END","messageId":"m"}'],
  "a null": ['{"type":"RUN_STARTED","threadId":"t","runId":"r","parentRunId":null}'],
  "a message left open": [
    '{"type":"RUN_STARTED","threadId":"t","runId":"r"}',
    '{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}',
    '{"type":"RUN_FINISHED","threadId":"t","runId":"r"}',
  ],
  "no beginning": ['{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}'],
};

/** An answer as the runner's: each line a frame with its number. */
function answer(lines) {
  const body = lines.map((line, index) => `id: ${index + 1}\ndata: ${line}\n\n`).join("");
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** The events of a log, once the client's parser, schemas and verifier have let them pass. */
async function verified(lines) {
  const events = [];
  const stream = transformHttpEventStream(runHttpRequest(() => Promise.resolve(answer(lines))));
  const checked = stream.pipe(enforceEvents(), transformChunks(), verifyEvents(), tap((event) => events.push(event)));
  await lastValueFrom(checked, { defaultValue: undefined });
  if (events.length !== lines.length) throw new Error(`${events.length} of ${lines.length} events came through`);
  return events;
}

/** The messages that the whole client makes of it. It tells a RUN_ERROR by failing, which is no objection. */
async function reduced(lines) {
  let told;
  const agent = new HttpAgent({ url: "http://runner.invalid/", fetch: () => Promise.resolve(answer(lines)) });
  await agent.runAgent({}, { onRunErrorEvent: ({ event }) => { told = event; } }).catch((error) => {
    if (!told) throw error;
  });
  return agent.messages;
}

function ending(event) {
  if (event.type === "RUN_ERROR") return event.code ?? "RUN_ERROR";
  if (event.type === "RUN_FINISHED") return event.outcome?.type ?? event.outcome ?? "success";
  return undefined;
}

async function objection(lines) {
  try {
    await verified(lines);
  } catch (error) {
    return error;
  }
  return undefined;
}

const [folder, ...wanted] = process.argv.slice(2);
const failures = [];
for (const [name, lines] of Object.entries(broken)) {
  if (!(await objection(lines))) failures.push(`the verifier lets pass: ${name}`);
}

const met = new Map();
let count = 0;
for (const path of readdirSync(folder).filter((name) => name.endsWith(".jsonl")).map((name) => join(folder, name))) {
  const lines = readFileSync(path, "utf8").split("\n").filter((line) => line !== "");
  if (lines.length === 0) continue;
  try {
    const events = await verified(lines);
    await reduced(lines);
    count += events.length;
    for (const end of events.map(ending).filter(Boolean)) met.set(end, (met.get(end) ?? 0) + 1);
  } catch (error) {
    failures.push(`${basename(path)}: ${error.message}`);
  }
}
for (const end of wanted) if (!met.has(end)) failures.push(`no turn ended with ${end}`);
console.log(`${count} events; turns by their end: ${[...met].map(([end, times]) => `${end} ${times}`).sort().join(", ")}`);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 && count > 0 ? 0 : 1;
