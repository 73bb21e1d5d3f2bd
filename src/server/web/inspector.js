// One token of all lanes: what else was likely, how sure the model was, and who the routers chose.
import { ask } from './api.js';
import { $, el, put, table } from './dom.js';
import { addLane } from './lanes.js';
import { idsOfPrompt, laneFields, run } from './run.js';
import { showStrip, staleStrip } from './strip.js';
import { app, lane, on, tell, token } from './store.js';
import { letter, number, percent, quoted } from './text.js';
import { fail } from './trouble.js';

const kShown = 10;

/** Bounds of the entropy in nats, of the likeliest tokens and what is left of the probability. */
function entropy(top) {
  let sum = 0, left = 1;
  for (const t of top) {
    if (t.log_prob === null) continue;
    const p = Math.exp(t.log_prob);
    sum -= p * t.log_prob;
    left -= p;
  }
  left = Math.max(left, 0);
  const others = app.about.n_vocab - top.length;
  const low = left > 1e-9 ? sum - left * Math.log(left) : sum;
  return [low, left > 1e-9 && others > 0 ? low + left * Math.log(others) : low];
}

function entropyText(top) {
  if (!top) return 'no probabilities';
  const [low, high] = entropy(top);
  return high - low < 0.005 ? `${number(low, 2)} nats` : `${number(low, 2)} to ${number(high, 2)} nats`;
}

async function branch(of, index, alternative) {
  try {
    const follow = [...of.tokens.slice(0, index).map((t) => t.id), alternative.token];
    const name = letter(app.lanes.indexOf(of));
    const made = addLane({
      preset: of.preset, method: of.method, options: { ...of.options }, routing: of.routing, follow,
      note: `Lane ${name} up to token ${index}, then ${quoted(alternative.text)}.`,
    });
    await run([made]);
    tell('settings');
  } catch (error) {
    fail(error);
  }
}

function candidate(of, index, t) {
  const chosen = of.tokens[index]?.id === t.token;
  const p = el('span', { class: 'p' }, percent(t.log_prob === null ? 0 : Math.exp(t.log_prob)));
  if (chosen) return el('span', { class: 'pick chosen' }, el('strong', {}, quoted(t.text)), ' ', p);
  const name = letter(app.lanes.indexOf(of));
  return el('button', {
    type: 'button', class: 'pick', title: 'go on with this token in a new lane',
    'aria-label': `${quoted(t.text)}, ${p.textContent}: go on with it in a new lane from lane ${name}`,
    onclick: () => branch(of, index, t),
  }, quoted(t.text), ' ', p);
}

function candidates(index) {
  const lanes = app.lanes.filter((l) => l.tokens[index]);
  const rows = [['entropy', ...lanes.map((l) => entropyText(l.tokens[index].top))]];
  const n = Math.max(0, ...lanes.map((l) => l.tokens[index].top?.length ?? 0));
  for (let i = 0; i < Math.min(n, kShown); ++i)
    rows.push([String(i + 1), ...lanes.map((l) => {
      const t = l.tokens[index].top?.[i];
      return t ? candidate(l, index, t) : '';
    })]);
  if (!n)
    rows.push(['', ...lanes.map((l) => (l.status === 'running' ? 'runs' : 'this method has no probabilities'))]);
  const apart = lanes.filter((l) => l.tokens.slice(0, index).some((t, i) => t.id !== lane().tokens[i]?.id));
  const names = apart.map((l) => letter(app.lanes.indexOf(l))).join(', ');
  return [candidateTable(index, lanes, rows), names
    ? el('p', { class: 'quiet' }, `Lane ${names}: another text stands before this token there.`) : null];
}

function candidateTable(index, lanes, rows) {
  return table(`Likeliest at token ${index + 1}`, ['rank', ...lanes.map((l) => `lane ${letter(app.lanes.indexOf(l))}`)], rows,
    { class: 'candidates' });
}

function gateTable(g) {
  const list = (experts, gates, n) => experts.slice(0, n).map((e, i) => `${e} (${number(gates[i], 3)})`).join('  ');
  const rows = g.experts.map((chosen, b) => {
    const gates = g.gates[b], next = g.next_gates?.[b] ?? [];
    return [String(app.about.moe_blocks[b]), list(chosen, gates, chosen.length), list(g.next?.[b] ?? [], next, 4),
      next.length ? number(Math.min(...gates) - next[0], 4) : '–'];
  });
  return el('details', { class: 'gates' }, el('summary', {}, 'Gates as numbers'),
    table('Gates of every block', ['block', 'chosen, best first', 'next ones', 'margin'], rows),
    el('p', { class: 'quiet' }, 'The margin is the smallest gate of those chosen less the largest of the others: where it is small, little decides.'));
}

/** The ids that a token is predicted from. */
export async function contextOf(of, index, signal) {
  const prompt = of.result && !of.follow.length ? of.result.prompt_tokens : await idsOfPrompt(signal);
  return [...prompt, ...of.tokens.slice(0, index).map((t) => t.id)];
}

let wanted = null;
async function gatesOf(of, index) {
  wanted?.abort();
  if (of.gates.has(index)) return of.gates.get(index);
  const mine = wanted = new AbortController();
  const tokens = await contextOf(of, index, mine.signal);
  const reply = await ask('/v1/rouse/gates', { ...laneFields(of), tokens, last: 1, next: app.about.n_expert }, mine.signal);
  const out = reply.tokens[0];
  of.gates.set(index, out);
  return out;
}

/** Two routers may choose from one token's row; those of the first stream are shown. */
async function showGates(of, index, place) {
  if (!app.about.n_expert || !of.result) return showStrip(null);
  try {
    const g = await gatesOf(of, index);
    if (lane() !== of || app.at.token !== index) return;
    showStrip(g);
    put(place, gateTable(g));
    tell('gates', { lane: of, index });
    performance.mark('gates-shown');
  } catch (error) {
    if (error.name !== 'AbortError') fail(error);
  }
}

const kPause = 20;  // ms: who walks on with the arrow keys asks for nothing on the way
let timer = 0, last = null;
function show() {
  const t = token(), of = lane(), { token: index } = app.at;
  if (last?.t === t && last?.result === of?.result && last.n === app.lanes.length) return;
  last = { t, result: of?.result, n: app.lanes.length };
  clearTimeout(timer);
  staleStrip();
  tell('look');
  if (!t) {
    put($('inspector'), el('p', { class: 'quiet' }, 'Run the prompt, then choose a token: click it, or walk with the arrow keys.'));
    showStrip(null);
    return;
  }
  const place = el('div');
  const p = t.logProb === null ? '' : `, probability ${percent(Math.exp(t.logProb))} (log p ${number(t.logProb)})`;
  put($('inspector'),
    el('h3', {}, `Token ${index + 1} of lane ${letter(app.at.lane)}: `, el('q', { class: 'token-text' }, quoted(t.text).slice(1, -1))),
    el('p', { class: 'quiet' }, `id ${t.id}${p}`), candidates(index), place);
  performance.mark('inspector-shown');
  timer = setTimeout(() => showGates(of, index, place), kPause);
}

export function start() {
  on('at', show);
  on('lane', () => {
    last = null;
    show();
  });
}
