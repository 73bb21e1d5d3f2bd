// The page in the URL's fragment, which is never sent to a server: #1.<base64url of JSON>.
import { app, clearLane, kMostLanes, kMostTokens, newLane } from './store.js';

const VERSION = '1.';
const kMostText = 100000;

function encode(text) {
  const bytes = new TextEncoder().encode(text);
  let raw = '';
  for (let i = 0; i < bytes.length; i += 8192) raw += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(raw).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function decode(text) {
  const raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(raw, (c) => c.charCodeAt(0)));
}

/** Without what is as ever, so that links stay short. */
export function fragment() {
  const s = app.settings;
  const lanes = app.lanes.map((l) => {
    const out = {};
    if (l.preset) out.preset = l.preset;
    else if (l.method !== 'greedy') out.method = l.method;
    if (l.routing !== 'topk') out.routing = l.routing;
    if (Object.keys(l.options).length) out.options = l.options;
    if (l.follow.length) out.follow = l.follow;
    if (l.note) out.note = l.note;
    return out;
  });
  const state = { model: app.about?.fingerprint?.slice(0, 16), prompt: s.prompt, n: s.n, lanes, at: [app.at.lane, app.at.token] };
  if (s.raw) state.raw = true;
  if (s.temp) state.temp = s.temp;
  if (s.seed) state.seed = s.seed;
  if (app.tab !== 'token') state.tab = app.tab;
  return `#${VERSION}${encode(JSON.stringify(state))}`;
}

const text = (value, most) => (typeof value === 'string' ? value.slice(0, most) : '');
const whole = (value, low, high, otherwise) =>
  (Number.isSafeInteger(value) && value >= low && value <= high ? value : otherwise);

/** A lane out of a link, which anybody may have written. */
function laneOf(given) {
  if (typeof given !== 'object' || given === null) return newLane();
  const options = {};
  if (typeof given.options === 'object' && given.options !== null)
    for (const [name, value] of Object.entries(given.options))
      if (Object.hasOwn(app.options, name) && ['number', 'string', 'boolean'].includes(typeof value)) options[name] = value;
  const follow = Array.isArray(given.follow) ? given.follow.filter((t) => whole(t, 0, 2 ** 31, -1) >= 0).slice(0, kMostTokens) : [];
  return newLane({
    preset: text(given.preset, 64), method: text(given.method, 64) || 'greedy', routing: text(given.routing, 4096) || 'topk',
    options, follow, note: text(given.note, 200),
  });
}

/** Takes the state of a fragment; false: there is none. Throws where it is none of this page's. */
export function take(hash) {
  if (!hash || hash === '#') return false;
  if (!hash.startsWith(`#${VERSION}`)) throw new Error('this link is none of this page, or of a later version of it');
  let state;
  try {
    state = JSON.parse(decode(hash.slice(1 + VERSION.length)));
  } catch {
    throw new Error('this link is damaged: what it holds cannot be read');
  }
  if (typeof state !== 'object' || state === null) throw new Error('this link is damaged: it holds no state');
  app.settings = {
    prompt: text(state.prompt, kMostText), raw: state.raw === true, n: whole(state.n, 1, kMostTokens, 48),
    temp: typeof state.temp === 'number' && state.temp >= 0 && state.temp <= 10 ? state.temp : 0,
    seed: whole(state.seed, 0, Number.MAX_SAFE_INTEGER, 0),
  };
  const lanes = Array.isArray(state.lanes) && state.lanes.length ? state.lanes.slice(0, kMostLanes) : [{}];
  app.lanes.forEach(clearLane);
  app.lanes = lanes.map(laneOf);
  const at = Array.isArray(state.at) ? state.at : [];
  app.at = { lane: whole(at[0], 0, app.lanes.length - 1, 0), token: whole(at[1], 0, kMostTokens, 0) };
  app.tab = ['token', 'heat', 'plan'].includes(state.tab) ? state.tab : 'token';
  app.linkModel = text(state.model, 64);
  return true;
}

/** Writes the state into the address without a new entry in its history. */
export function keep() {
  history.replaceState(null, '', fragment());
}

/** What to say where a link was made with another model; "": nothing. */
export function modelWarning() {
  const own = app.about.fingerprint;
  if (!app.linkModel || own.startsWith(app.linkModel)) return '';
  return `This link was made with another model (${app.linkModel}…); here runs ${own.slice(0, 16)}…, whose answers will differ.`;
}
