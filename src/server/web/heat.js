// Which experts a lane used, over all its tokens: blocks x experts, one lane or two beside each other, and files of it.
import { ask } from './api.js';
import { heat } from './charts.js';
import { $, download, el, put, table } from './dom.js';
import { contextOf } from './inspector.js';
import { laneFields } from './run.js';
import { app, on } from './store.js';
import { csv, letter, number } from './text.js';
import { fail } from './trouble.js';

const pick = { lane: 0, than: -1 };

/** Choices by block and expert, and how many tokens they are of. */
function countsOf(lane) {
  const counts = app.about.moe_blocks.map(() => new Array(app.about.n_expert).fill(0));
  let n = 0;
  for (const t of lane.tokens) {
    if (!t.experts) continue;
    ++n;
    t.experts.forEach((block, b) => block.forEach((e) => ++counts[b][e]));
  }
  return { counts, n };
}

const shares = ({ counts }) => counts.map((row) => {
  const sum = row.reduce((a, b) => a + b, 0) || 1;
  return row.map((c) => c / sum);
});

function laneSelect(id, label, value, none, take, without = -1) {
  const select = el('select', { id, onchange: () => take(Number(select.value)) },
    none ? el('option', { value: -1 }, none) : null,
    app.lanes.map((l, i) => (l.result && i !== without ? el('option', { value: i }, `lane ${letter(i)}`) : null)));
  select.value = String(value);
  return el('label', {}, label, ' ', select);
}

function oneView(lane, name) {
  const own = countsOf(lane), used = own.counts.map((row) => row.filter((c) => c > 0).length);
  const all = app.about.n_expert * own.counts.length, dormant = all - used.reduce((a, b) => a + b, 0);
  const text = `${dormant} of ${all} experts were not used in ${own.n} tokens.`;
  return [
    heat({ title: `Choices of lane ${name}`, text, labels: app.about.moe_blocks, values: own.counts,
      name: (b, e, v) => `block ${app.about.moe_blocks[b]}, expert ${e}: chosen for ${v} of ${own.n} tokens` }),
    el('p', {}, text),
    table(`Experts used by lane ${name}, by block`, ['block', 'used', 'not used', 'most used'], own.counts.map((row, b) => {
      const best = row.indexOf(Math.max(...row));
      return [String(app.about.moe_blocks[b]), String(used[b]), String(row.length - used[b]), `${best} (${row[best]} times)`];
    })),
  ];
}

function differenceView(a, b, names) {
  const [p, q] = [shares(countsOf(a)), shares(countsOf(b))];
  const values = p.map((row, i) => row.map((v, e) => v - q[i][e]));
  const sums = values.map((row) => row.reduce((s, v) => s + Math.abs(v), 0));
  const most = app.about.moe_blocks[sums.indexOf(Math.max(...sums))];
  const text = `Shares of lane ${names[0]} less those of lane ${names[1]}; they differ most in block ${most}.`;
  return [
    heat({ title: `Choices of lane ${names[0]} less lane ${names[1]}`, text, labels: app.about.moe_blocks, values,
      name: (i, e, v) => `block ${app.about.moe_blocks[i]}, expert ${e}: share ${v > 0 ? '+' : ''}${number(v)}` }),
    el('p', {}, `${text} Blue: more often in lane ${names[0]}; orange: in lane ${names[1]}.`),
    table('Sum of |p − q| by block; 0: the same, 2: nothing in common', ['block', 'sum'],
      sums.map((s, i) => [String(app.about.moe_blocks[i]), number(s)])),
  ];
}

function saveCsv(lane, name) {
  const { counts, n } = countsOf(lane);
  const rows = [['block', 'expert', 'chosen', 'tokens']];
  counts.forEach((row, b) => row.forEach((c, e) => rows.push([app.about.moe_blocks[b], e, c, n])));
  download(`rouse-experts-${name}.csv`, csv(rows), 'text/csv');
}

/** The lane's prompt and answer as `rouse trace` writes them. */
async function saveTrace(lane, name) {
  try {
    const tokens = await contextOf(lane, lane.tokens.length);
    const reply = await ask('/v1/rouse/gates', { ...laneFields(lane), tokens });
    const head = { arch: app.about.architecture, format: 'rouse-trace', layers: reply.blocks, n_expert: app.about.n_expert, version: 1 };
    const lines = reply.tokens.map((t, position) => ({ experts: t.experts, gates: t.gates, position, token: t.token }));
    download(`rouse-trace-${name}.jsonl`, [head, ...lines].map((l) => JSON.stringify(l)).join('\n') + '\n', 'application/jsonl');
  } catch (error) {
    fail(error);
  }
}

function show() {
  if (app.tab !== 'heat') return;
  const view = $('view-heat');
  if (!app.about.n_expert) return put(view, el('p', {}, 'This model is dense: it has no experts.'));
  const known = app.lanes.map((l, i) => (l.result ? i : -1)).filter((i) => i >= 0);
  if (!known.length) return put(view, el('p', { class: 'quiet' }, 'Run the prompt first: this view counts the experts of its tokens.'));
  if (!known.includes(pick.lane)) pick.lane = known[0];
  if (!known.includes(pick.than) || pick.than === pick.lane) pick.than = -1;
  const lane = app.lanes[pick.lane], than = app.lanes[pick.than], name = letter(pick.lane);
  const again = (key) => (value) => {
    pick[key] = value;
    show();
    $(key === 'lane' ? 'heat-lane' : 'heat-than').focus();
  };
  put(view,
    el('h3', {}, 'Experts over all tokens'),
    el('div', { class: 'fields' },
      laneSelect('heat-lane', 'Lane', pick.lane, null, again('lane')),
      laneSelect('heat-than', 'less', pick.than, 'nothing', again('than'), pick.lane),
      el('button', { type: 'button', id: 'save-csv', onclick: () => saveCsv(lane, name) }, 'Save counts (CSV)'),
      el('button', { type: 'button', id: 'save-trace', onclick: () => saveTrace(lane, name) }, 'Save trace (JSONL)')),
    than ? differenceView(lane, than, [name, letter(pick.than)]) : oneView(lane, name));
}

export function start() {
  on('tab lane lanes', show);
}
