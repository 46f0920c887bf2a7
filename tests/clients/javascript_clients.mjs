// Acts of official JavaScript clients, told as plain data: a job per line in, what its caller saw per line out.
import { createInterface } from "node:readline";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { embedMany, generateText, isStepCount, jsonSchema, Output, streamText, tool } from "ai";
import OpenAI from "openai";

// Its warnings go to standard error and are no part of what a caller sees.
globalThis.AI_SDK_LOG_WARNINGS = false;

const said = (job) => [{ role: "user", content: job.prompt }];

function openai(job) {
  const chat = new OpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key }).chat.completions;
  const ask = (more) => chat.create({ model: job.model, messages: said(job), ...more });
  const strict = { name: "weather", description: "weather now", parameters: job.city, strict: true };
  const tools = [{ type: "function", function: strict }];
  const told = (answer) => ({
    text: answer.choices[0].message.content,
    finish: answer.choices[0].finish_reason,
    usage: answer.usage && [answer.usage.prompt_tokens, answer.usage.completion_tokens],
    model: answer.model,
    calls: (answer.choices[0].message.tool_calls ?? []).map((c) => [c.function.name, JSON.parse(c.function.arguments)]),
  });
  const withUsage = { model: job.model, messages: said(job), stream_options: { include_usage: true } };
  const withResults = async (first) => {
    const { message, finish_reason } = first.choices[0];
    const results = message.tool_calls.map((call) => {
      const content = job.weather[JSON.parse(call.function.arguments).city];
      return { role: "tool", tool_call_id: call.id, content };
    });
    const last = told(await ask({ messages: [...said(job), message, ...results], tools }));
    return { ...last, calls: told(first).calls, first: finish_reason };
  };
  return {
    ask: async () => told(await ask()),
    stream: async () => {
      let pieces = 0;
      const events = chat.stream(withUsage).on("content", () => pieces++);
      return { ...told(await events.finalChatCompletion()), pieces };
    },
    tools: async () => withResults(await ask({ tools })),
    stream_tools: async () => withResults(await chat.stream({ ...withUsage, tools }).finalChatCompletion()),
    schema: async () => {
      const json_schema = { name: "claim", schema: job.schema, strict: true };
      const answer = told(await ask({ response_format: { type: "json_schema", json_schema } }));
      return { ...answer, object: JSON.parse(answer.text) };
    },
    image: async () => {
      const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${job.png}` } };
      return told(await ask({ messages: [{ role: "user", content: [{ type: "text", text: "image" }, picture] }] }));
    },
    cancel: async () => {
      for await (const chunk of await ask({ stream: true })) if (chunk.choices[0]?.delta.content) break;
      return { left: true };
    },
    file: async () => {
      const file = { filename: "policy.pdf", file_data: `data:application/pdf;base64,${job.pdf}` };
      return told(await ask({ messages: [{ role: "user", content: [{ type: "text", text: "file" }, { type: "file", file }] }] }));
    },
    embeddings: async () => {
      const client = new OpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key });
      const answer = await client.embeddings.create({ model: job.model, input: job.texts });
      return { vectors: answer.data.map((one) => [...one.embedding]), tokens: answer.usage.prompt_tokens };
    },
    responses: async () => {
      const client = new OpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key });
      return { text: (await client.responses.create({ model: job.model, input: job.prompt })).output_text };
    },
  };
}

function anthropic(job) {
  const { messages } = new Anthropic({ baseURL: job.url, apiKey: job.key });
  const common = { model: job.model, max_tokens: 50, messages: said(job) };
  const tools = [{ name: "weather", description: "weather now", input_schema: job.city }];
  const told = (answer) => ({
    text: answer.content.filter((b) => b.type === "text").map((b) => b.text).join(""),
    finish: answer.stop_reason,
    usage: [answer.usage.input_tokens, answer.usage.output_tokens],
    model: answer.model,
    calls: answer.content.filter((b) => b.type === "tool_use").map((b) => [b.name, b.input]),
  });
  const withResults = async (first) => {
    const results = first.content
      .filter((b) => b.type === "tool_use")
      .map((b) => ({ type: "tool_result", tool_use_id: b.id, content: job.weather[b.input.city] }));
    const turns = [{ role: "assistant", content: first.content }, { role: "user", content: results }];
    const last = told(await messages.create({ ...common, messages: [...said(job), ...turns], tools }));
    return { ...last, calls: told(first).calls, first: first.stop_reason };
  };
  return {
    ask: async () => told(await messages.create(common)),
    stream: async () => {
      let pieces = 0;
      const events = messages.stream(common).on("text", () => pieces++);
      return { ...told(await events.finalMessage()), pieces };
    },
    tools: async () => withResults(await messages.create({ ...common, tools })),
    stream_tools: async () => withResults(await messages.stream({ ...common, tools }).finalMessage()),
    schema: async () => {
      const output_config = { format: { type: "json_schema", schema: job.schema } };
      const answer = told(await messages.create({ ...common, output_config }));
      return { ...answer, object: JSON.parse(answer.text) };
    },
    image: async () => {
      const source = { type: "base64", media_type: "image/png", data: job.png };
      const content = [{ type: "image", source }, { type: "text", text: "image" }];
      return told(await messages.create({ ...common, messages: [{ role: "user", content }] }));
    },
    file: async () => {
      const source = { type: "base64", media_type: "application/pdf", data: job.pdf };
      const content = [{ type: "document", source, title: "policy.pdf" }, { type: "text", text: "file" }];
      return told(await messages.create({ ...common, messages: [{ role: "user", content }] }));
    },
    count: async () => ({
      tokens: (await messages.countTokens({ model: job.model, messages: said(job) })).input_tokens,
    }),
    cancel: async () => {
      for await (const event of await messages.create({ ...common, stream: true }))
        if (event.type === "content_block_delta") break;
      return { left: true };
    },
  };
}

function ai(provider, model) {
  return (job) => {
    const common = { model: model(provider(job), job), prompt: job.prompt };
    const weather = tool({
      description: "weather now",
      inputSchema: jsonSchema(job.city),
      execute: async ({ city }) => job.weather[city],
    });
    const stepping = { ...common, tools: { weather }, stopWhen: isStepCount(2) };
    const told = async (result) => {
      const [text, finish, usage, response] = await Promise.all(
        [result.text, result.finishReason, result.usage, result.response]);
      return { text, finish, usage: [usage.inputTokens, usage.outputTokens], model: response.modelId, calls: [] };
    };
    const streamed = async (options) => {
      // This client hands a stream's error to `onError` and goes on; an application that looks nowhere else sees it there.
      let failed;
      const result = streamText({ ...options, onError: ({ error }) => (failed ??= error) });
      let pieces = 0;
      for await (const _ of result.textStream) pieces++;
      if (failed) throw failed;
      return [result, pieces];
    };
    const stepped = async (result) => {
      const [first, last] = await result.steps;
      const calls = first.toolCalls.map((call) => [call.toolName, call.input]);
      return { ...(await told(last)), calls, first: first.finishReason };
    };
    return {
      ask: async () => told(await generateText(common)),
      stream: async () => {
        const [result, pieces] = await streamed(common);
        return { ...(await told(result)), pieces };
      },
      tools: async () => stepped(await generateText(stepping)),
      stream_tools: async () => stepped((await streamed(stepping))[0]),
      schema: async () => {
        const output = Output.object({ schema: jsonSchema(job.schema) });
        const result = await generateText({ ...common, output });
        return { ...(await told(result)), object: result.output };
      },
      image: async () => {
        const picture = { type: "file", mediaType: "image/png", data: job.png };
        const content = [{ type: "text", text: "image" }, picture];
        const { model } = common;
        return told(await generateText({ model, messages: [{ role: "user", content }] }));
      },
      file: async () => {
        const paper = { type: "file", mediaType: "application/pdf", data: job.pdf, filename: "policy.pdf" };
        const content = [{ type: "text", text: "file" }, paper];
        return told(await generateText({ model: common.model, messages: [{ role: "user", content }] }));
      },
      embeddings: async () => {
        const answer = await embedMany({ model: provider(job).embedding(job.model), values: job.texts });
        return { vectors: answer.embeddings, tokens: answer.usage.tokens };
      },
      cancel: async () => {
        const leaving = new AbortController();
        const result = streamText({ ...common, abortSignal: leaving.signal });
        for await (const _ of result.textStream) leaving.abort();
        return { left: true };
      },
      responses: async () => told(await generateText({ ...common, model: provider(job).responses(job.model) })),
    };
  };
}

const CLIENTS = {
  openai,
  anthropic,
  "ai/openai": ai(
    (job) => createOpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key }),
    (provider, job) => provider.chat(job.model)),
  "ai/anthropic": ai(
    (job) => createAnthropic({ baseURL: `${job.url}/v1`, apiKey: job.key }),
    (provider, job) => provider(job.model)),
};

async function act(job) {
  try {
    return await CLIENTS[job.client](job)[job.act]();
  } catch (error) {
    const cause = error.lastError ?? error;
    const message = cause.message ?? JSON.stringify(cause);
    const status = cause.status ?? cause.statusCode ?? null;
    return { error: { name: cause.constructor.name, status, message, library: known(cause) } };
  }
}

const known = (error) =>
  error instanceof OpenAI.OpenAIError || error instanceof Anthropic.AnthropicError || error[Symbol.for("vercel.ai.error")] === true;

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  act(job).then((told) => process.stdout.write(`${JSON.stringify({ number: job.number, told })}\n`));
}
