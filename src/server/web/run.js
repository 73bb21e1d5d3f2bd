// Runs lanes: one prompt, one batch on the server, streamed in step.
import { ask, events } from './api.js';
import { app, clearLane, tell } from './store.js';

export const kTop = 20;  // likeliest tokens that are asked for, of which ten are shown
const kMostJobs = 8;     // texts of one request
let abort = null;
let promptIds = { of: '', ids: [] };

/** What a lane says of itself to the server. */
export function laneFields(lane) {
  if (lane.preset) return lane.routing === 'topk' ? { preset: lane.preset } : { preset: lane.preset, routing: lane.routing };
  const out = { routing: lane.routing };
  out.method = Object.keys(lane.options).length ? { name: lane.method, ...lane.options } : lane.method;
  return out;
}

/** Beam and contrastive search choose by a score that is no distribution. */
function hasLogProbs(lane) {
  const method = lane.preset ? app.presets.get(lane.preset) : lane.method;
  return app.methods.find((m) => m.name === method)?.log_probs ?? true;
}

function promptFields() {
  const { prompt, raw } = app.settings;
  return raw ? { prompt, raw } : { prompt };
}

/** The prompt's ids as the template makes them: what a lane that goes on from somewhere begins with. */
export async function idsOfPrompt(signal) {
  const of = JSON.stringify(promptFields());
  if (promptIds.of !== of) {
    const reply = await ask('/v1/rouse/compare', { ...promptFields(), n_predict: 1, lanes: [{}] }, signal);
    promptIds = { of, ids: reply.lanes[0].prompt_tokens };
  }
  return promptIds.ids;
}

/** A lane's requests: itself; one that goes on from given tokens is their scores, then what comes behind. */
function jobsOf(lane, ids) {
  const { n } = app.settings, fields = laneFields(lane);
  if (hasLogProbs(lane)) fields.log_probs = kTop;
  const name = String(lane.id);
  if (!lane.follow.length) return [{ ...fields, ...promptFields(), name, n_predict: n }];
  return [
    { ...fields, ...promptFields(), name: `${name} given`, follow: lane.follow, n_predict: lane.follow.length },
    { ...fields, tokens: [...ids, ...lane.follow], name, n_predict: Math.max(1, n - lane.follow.length) },
  ];
}

function tokensOf(result) {
  return result.pieces.map((piece, i) => ({
    id: result.tokens[i], text: piece, logProb: result.log_probs?.[i] ?? null, top: result.top_log_probs?.[i] ?? null,
    experts: result.experts?.[i] ?? null,
  }));
}

/** Given tokens come before the lane's own, whichever text runs ahead. */
function append(lane, event, given) {
  const tokens = event.tokens.map((id, i) => ({ id, text: event.pieces[i], logProb: null, top: null, experts: null }));
  if (!given) lane.tokens.push(...tokens);
  else lane.tokens.splice(lane.nGiven, 0, ...tokens);
  if (given) lane.nGiven += tokens.length;
  tell('tokens', lane);
}

function finish(lane, results) {
  const { given, own } = results;
  if (!own || (lane.follow.length && !given)) return;
  lane.tokens = [...(given ? tokensOf(given) : []), ...tokensOf(own)];
  lane.result = own;
  lane.status = 'done';
  if (!lane.follow.length) promptIds = { of: JSON.stringify(promptFields()), ids: own.prompt_tokens };
  tell('lane', lane);
}

async function runJobs(jobs, lanes, signal) {
  const byId = new Map(lanes.map((l) => [String(l.id), l]));
  const results = new Map(lanes.map((l) => [l, {}]));
  const { temp, seed } = app.settings;
  for await (const event of events('/v1/rouse/compare', { temp, seed, experts: app.about.n_expert > 0, lanes: jobs }, signal)) {
    const [id, given] = event.lane.split(' ');
    const lane = byId.get(id);
    if (event.result) {
      results.get(lane)[given ? 'given' : 'own'] = event.result;
      finish(lane, results.get(lane));
    } else {
      append(lane, event, Boolean(given));
    }
  }
}

/** Groups of lanes whose requests go into one batch. */
function* batches(lanes, ids) {
  let jobs = [], some = [];
  for (const lane of lanes) {
    const own = jobsOf(lane, ids);
    if (jobs.length + own.length > kMostJobs) {
      yield [jobs, some];
      [jobs, some] = [[], []];
    }
    jobs.push(...own);
    some.push(lane);
  }
  yield [jobs, some];
}

export function stop() {
  abort?.abort();
}

/** Runs these lanes; what they held before goes. Throws Refusal. */
export async function run(lanes = app.lanes) {
  stop();
  const mine = abort = new AbortController();
  for (const lane of lanes) {
    clearLane(lane);
    lane.status = 'running';
    tell('tokens', lane);
  }
  app.running = true;
  tell('running');
  try {
    const ids = lanes.some((l) => l.follow.length) ? await idsOfPrompt(mine.signal) : [];
    for (const [jobs, some] of batches(lanes, ids)) await runJobs(jobs, some, mine.signal);
  } catch (error) {
    for (const lane of lanes)
      if (lane.status === 'running') {
        lane.status = mine.signal.aborted ? 'stopped' : 'failed';
        tell('lane', lane);
      }
    if (!mine.signal.aborted) throw error;
  } finally {
    if (abort === mine) {
      app.running = false;
      tell('running');
    }
  }
}
