// What calibration measured: a plan's budgets and dormant experts, a headroom's verdict. Plans come from the server,
// or either from a file, which the browser reads and sends nowhere.
import { ask } from './api.js';
import { bars, line, scatter, steps } from './charts.js';
import { $, el, put, table } from './dom.js';
import { app, on } from './store.js';
import { number, short, visible } from './text.js';

const kMostBytes = 64 << 20, kMostItems = 4096, kLeastRanked = 10, kListed = 20;
const shown = { name: '', data: null, error: '' };

const list = (value) => (Array.isArray(value) ? value.slice(0, kMostItems) : []);
const numbers = (value) => list(value).map((v) => (typeof v === 'number' ? v : NaN));
const pairs = (value) => list(value).map((p) => (Array.isArray(p) && p.length === 2 ? numbers(p) : [NaN, NaN]));

/** Upper quarter by what their absence costs, lower half by gate, of experts seen often enough: as `rouse plan` says. */
function experts(plan) {
  const out = [];
  list(plan.layers).forEach((block, l) => list(plan.CEI?.[l]).forEach((impact, e) => {
    const gate = plan.gate?.[l]?.[e], samples = plan.samples?.[l]?.[e] ?? 0;
    if (typeof impact === 'number' && typeof gate === 'number' && samples >= kLeastRanked) out.push({ block, e, impact, gate, samples });
  }));
  const order = (key) => out.map((x) => x[key]).sort((a, b) => a - b);
  const impacts = order('impact'), gates = order('gate');
  const high = impacts[Math.floor(0.75 * (impacts.length - 1))], low = gates[Math.floor(0.5 * (gates.length - 1))];
  for (const x of out) x.dormant = x.impact > high && x.gate <= low;
  return out.sort((a, b) => b.impact - a.impact);
}

function planView(plan) {
  const blocks = list(plan.layers), k = numbers(plan.k), R = numbers(plan.R), band = pairs(plan.R_ci);
  const all = experts(plan), dormant = all.filter((x) => x.dormant), model = plan.model ?? {};
  const mine = model.fingerprint === app.about.fingerprint;
  const mean = k.reduce((a, b) => a + b, 0) / Math.max(1, k.length);
  return [
    el('p', {}, `Of a ${short(model.arch ?? 'model', 40)} with ${number(model.n_expert, 0)} experts a block, ${number(model.k, 0)} a token; ${number(plan.n_hard, 0)} hard and ${number(plan.n_easy, 0)} easy tokens of ${number(plan.n_scored, 0)}. `,
      mine ? '' : el('strong', {}, 'It was made for another model than the one that runs here.')),
    plan.evidence?.verdict ? el('p', { class: 'verdict' }, el('strong', {}, 'Verdict: '), visible(plan.evidence.verdict)) :
      el('p', { class: 'verdict' }, el('strong', {}, 'Verdict: '), 'none; whether moving experts helps was not tried (rouse calibrate --certify does).'),
    el('div', { class: 'charts' },
    k.length ? steps({ title: 'Experts a token by block; the line is their mean', labels: blocks, values: k, base: mean, xLabel: 'block', yLabel: 'k' }) : null,
    R.some(Number.isFinite) ? line({ title: 'Relative knowledge intensity R by block, with its 95% interval', labels: blocks, values: R, bands: band, xLabel: 'block', yLabel: 'R (log)', logY: R.every((v) => v > 0) }) : null,
    all.length ? scatter({ title: `Experts by gate and by what their absence costs; ${dormant.length} dormant ones are diamonds`,
      points: all.map((x) => ({ x: x.gate, y: x.impact, marked: x.dormant, name: `block ${x.block}, expert ${x.e}: gate ${number(x.gate)}, ${number(x.impact)} nats over ${x.samples} tokens` })),
      xLabel: 'mean gate over hard tokens', yLabel: 'nats lost without it' }) : null),
    table('Budgets by block', ['block', 'k', 'R', '95% interval'], blocks.map((b, i) => [String(b), number(k[i], 0), number(R[i], 1),
      band[i] ? `${number(band[i][0], 1)} to ${number(band[i][1], 1)}` : '–'])),
    dormant.length ? table('Dormant experts: rarely trusted, and missed', ['expert', 'nats lost', 'mean gate', 'tokens'],
      dormant.slice(0, kListed).map((x) => [`${x.block}.${x.e}`, number(x.impact), number(x.gate), String(x.samples)])) :
      el('p', {}, `No expert is dormant: in the upper quarter by cost and the lower half by gate, of those seen in ${kLeastRanked} hard tokens or more.`),
  ];
}

function headroomView(h) {
  const kinds = ['oracle', 'static', 'random', 'shuffled'];
  const all = kinds.filter((n) => typeof h[n]?.mean === 'number').map((name) => ({ name, mean: h[name].mean, interval: pairs([h[name].interval])[0] }));
  const layers = list(h.layers);
  return [
    el('p', {}, `${number(h.hard, 0)} hard tokens of ${number(h.documents, 0)} documents; another route helps ${number(100 * h.helped, 0)}% of them by 0.1 nats or more. `,
      h.fingerprint === app.about.fingerprint ? '' : el('strong', {}, 'It was measured on another model than the one that runs here.')),
    el('p', { class: 'verdict' }, el('strong', {}, 'Verdict: '), visible(h.verdict ?? 'none')),
    el('div', { class: 'charts' },
    all.length ? bars({ title: 'What another route gains, with 95% intervals', bars: all, xLabel: 'route', yLabel: 'nats a token' }) : null,
    layers.length ? line({ title: 'The best single swap by block', labels: layers.map((l) => l.layer), values: numbers(layers.map((l) => l.oracle)), xLabel: 'block', yLabel: 'nats a token' }) : null),
    el('p', { class: 'quiet' }, 'Oracle has seen the answer; static is one bias, learned on other documents; random and shuffled are its controls.'),
    table('Gains', ['route', 'nats a token', '95% interval'], all.map((b) => [b.name, number(b.mean, 4), `${number(b.interval[0], 4)} to ${number(b.interval[1], 4)}`])),
  ];
}

function viewOf(data) {
  if (data?.format === 'rouse-plan') return planView(data);
  if (data?.format === 'rouse-headroom') return headroomView(data);
  throw new Error('this is neither a plan (rouse calibrate) nor a headroom (rouse headroom)');
}

async function open(name, read) {
  shown.name = name;
  shown.data = null;
  shown.error = '';
  try {
    shown.data = await read();
    viewOf(shown.data);
  } catch (error) {
    shown.error = error instanceof SyntaxError ? `${short(name)} is no JSON` : `${short(name)}: ${error.message}`;
  }
  show();
}

function openFile(file) {
  return open(file.name, async () => {
    if (file.size > kMostBytes) throw new Error(`it has ${file.size} bytes, at most ${kMostBytes} are read`);
    return JSON.parse(await file.text());
  });
}

function show() {
  if (app.tab !== 'plan') return;
  const file = el('input', { id: 'plan-file', type: 'file', accept: '.json,application/json', onchange: () => file.files[0] && openFile(file.files[0]) });
  const plans = app.plans.map((p) => el('button', {
    type: 'button', 'aria-pressed': String(shown.name === p.name && Boolean(shown.data)),
    onclick: () => open(p.name, () => ask(`/v1/rouse/plans/${encodeURIComponent(p.name)}`)),
  }, short(p.name)));
  let view = [];
  if (shown.data && !shown.error) view = [el('h4', { class: 'wrap' }, short(shown.name)), ...viewOf(shown.data)];
  put($('view-plan'),
    el('h3', {}, 'Plans and headroom'),
    el('div', { class: 'fields' }, plans, el('label', { for: 'plan-file' }, plans.length ? 'or a file ' : 'A file '), file),
    el('p', { class: 'quiet' }, app.plans.length ? '' : 'The server was started without a plan (--plan NAME=FILE). ',
      'What rouse calibrate or rouse headroom wrote is read by this page and sent nowhere.'),
    shown.error ? el('p', { role: 'alert', class: 'trouble' }, shown.error) : null,
    el('div', { id: 'plan-shown' }, view));
}

export function start() {
  on('tab', show);
}
