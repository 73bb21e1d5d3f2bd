// What the page holds: the server's tables, the prompt, the lanes with what came of them, and which token is looked at.

export const kMostLanes = 6;
export const kMostTokens = 512;

export const app = {
  about: null,      // /v1/rouse/model
  methods: [],      // name, help, log_probs
  policies: [],     // usage, help
  options: {},      // name -> JSON schema, of a request
  plans: [],
  presets: new Map(),  // name -> its method's name
  settings: { prompt: '', raw: false, n: 48, temp: 0, seed: 0 },
  lanes: [],
  at: { lane: 0, token: 0 },
  tab: 'token',
  running: false,
};

let made = 0;
export function newLane(how = {}) {
  return {
    id: ++made, preset: '', method: 'greedy', options: {}, routing: 'topk', follow: [], note: '', ...how,
    status: 'idle', tokens: [], nGiven: 0, result: null, gates: new Map(),
  };
}

/** Forgets what came of a lane. */
export function clearLane(lane) {
  Object.assign(lane, { status: 'idle', tokens: [], nGiven: 0, result: null, gates: new Map() });
}

export function lane() {
  return app.lanes[app.at.lane];
}
export function token() {
  return lane()?.tokens[app.at.token];
}

const listeners = new Map();
/** Names: lanes (which there are), tokens (a lane's grew), lane (one ended), at, tab, running, settings. */
export function on(what, run) {
  for (const name of what.split(' ')) {
    if (!listeners.has(name)) listeners.set(name, []);
    listeners.get(name).push(run);
  }
}
export function tell(what, detail) {
  for (const run of listeners.get(what) ?? []) run(detail);
}

/** Looks at a token, as far as there is one. */
export function lookAt(laneIndex, tokenIndex) {
  const last = app.lanes.length - 1;
  app.at.lane = Math.max(0, Math.min(laneIndex, last));
  const n = lane()?.tokens.length ?? 0;
  app.at.token = Math.max(0, Math.min(tokenIndex, n - 1));
  tell('at');
}

/** The first token in which a lane differs from the first lane; -1: none does. */
export function firstDifference(of) {
  const a = app.lanes[0]?.tokens ?? [], b = of.tokens;
  const n = Math.max(a.length, b.length);
  for (let i = 0; i < n; ++i)
    if (a[i]?.id !== b[i]?.id) return i;
  return -1;
}
