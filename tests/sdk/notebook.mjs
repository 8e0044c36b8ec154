// What test_node.py runs: the notebook that many learn fine-tuning from, by the Node package. base_url and key come from
// the environment, and nothing else is said of the server.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import OpenAI from "openai";

const client = new OpenAI();

const file = await client.files.create({
    file: fs.createReadStream("training-data.jsonl"),
    purpose: "fine-tune",
});
console.log(`Training File ID: ${file.id}`);

const created = await client.fineTuning.jobs.create({ training_file: file.id, model: "gpt-3.5-turbo" });
console.log(`Fine-tuning Job ID: ${created.id}`);

const jobs = await client.fineTuning.jobs.list({ limit: 10 });
console.log(`Listed: ${jobs.data.map((job) => job.id)}`);

let job = await client.fineTuning.jobs.retrieve(created.id);
console.log(`Status: ${job.status}`);

const deadline = Date.now() + 120_000;
let events = [];
while (!events.some((event) => event.message === "The job has successfully completed")) {
    if (Date.now() > deadline) throw new Error(`the job does not end: ${JSON.stringify(events)}`);
    await sleep(200);
    events = [];
    for await (const event of client.fineTuning.jobs.listEvents(created.id)) events.push(event);
}
for (const event of events.reverse()) console.log(event.message);

job = await client.fineTuning.jobs.retrieve(created.id);
console.log(`Fine-tuned Model ID: ${job.fine_tuned_model}`);

const question = {
    model: job.fine_tuned_model,
    messages: [
        { role: "system", content: "You are Elle, a factual chatbot that answers questions with a limerick" },
        { role: "user", content: "Tell me about Strontium" },
    ],
    max_tokens: 20,
    temperature: 0,
};
const completion = await client.chat.completions.create(question);
console.log(completion.choices[0].message);

let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...question, stream: true }))
    streamed += chunk.choices[0]?.delta?.content ?? "";
console.log(`Streamed the same: ${streamed === completion.choices[0].message.content}`);

const results = await client.files.content(job.result_files[0]);
console.log(`Results: ${(await results.text()).split("\n")[0]}`);

for (const [name, call] of [
    ["a wrong key", () => new OpenAI({ apiKey: "sk-wrong" }).models.list()],
    ["no such job", () => client.fineTuning.jobs.retrieve("ftjob-none")],
    ["a job that has ended", () => client.fineTuning.jobs.cancel(created.id)],
]) {
    try {
        await call();
        console.log(`${name}: no error`);
    } catch (error) {
        console.log(`${name}: ${error.constructor.name} ${error.status} ${error.code}, ${error.requestID !== null}`);
    }
}
