// The lanes side by side: what each runs, its text token by token, its cost, and where it parts from the first.
import { $, el, put } from './dom.js';
import { laneEditor } from './lane_editor.js';
import { app, firstDifference, kMostLanes, lookAt, newLane, on, tell } from './store.js';
import { letter, number, quoted, short, visible } from './text.js';

const cards = new Map();  // lane -> {card, text, stats, badge, spans}

function tokenSpan(lane, index) {
  const t = lane.tokens[index];
  return el('span', {
    role: 'option', tabIndex: -1, class: 'token', 'aria-selected': 'false', 'data-index': index,
    'aria-label': `token ${index + 1}: ${quoted(t.text)}`,
  }, visible(t.text));
}

/** How a token looks: given, parting, how likely. */
function markTokens(lane) {
  const at = app.lanes.indexOf(lane), parts = at > 0 ? firstDifference(lane) : -1;
  cards.get(lane).spans.forEach((span, i) => {
    const t = lane.tokens[i], p = t?.logProb === null || t === undefined ? null : Math.exp(t.logProb);
    span.classList.toggle('given', i < lane.follow.length);
    span.classList.toggle('parts', i === parts);
    span.classList.toggle('unsure', p !== null && p < 0.5);
  });
}

function writeText(lane, from = 0) {
  const own = cards.get(lane);
  if (!lane.tokens.length) {
    own.spans = [];
    own.text.removeAttribute('role');
    const said = { running: 'waiting…', done: 'no token: the answer is empty', stopped: 'stopped', failed: 'failed' }[lane.status];
    put(own.text, el('span', { class: 'quiet' }, said ?? 'not run yet'));
    return;
  }
  own.text.setAttribute('role', 'listbox');
  if (from === 0) put(own.text);
  own.spans.length = from;
  for (let i = from; i < lane.tokens.length; ++i) own.spans.push(tokenSpan(lane, i));
  own.text.append(...own.spans.slice(from));
}

function statsOf(lane) {
  const r = lane.result;
  if (!r) return [];
  const per = r.cost.expert_evaluations_per_token, first = app.lanes[0]?.result?.cost.expert_evaluations_per_token;
  const share = lane !== app.lanes[0] && per && first ? `, ${number(per / first, 2)} of lane A` : '';
  const rows = [
    ['tokens', `${lane.tokens.length} (${r.stop})`],
    ['speed', r.timings.step_tok_s ? `${number(r.timings.step_tok_s, 1)} tok/s` : '–'],
    ['expert evaluations', per ? `${number(per, 1)} a token${share}` : '–'],
    ['runs', `${r.method} · ${r.policy}`],
  ];
  return rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, short(value, 200))));
}

function badgeOf(lane) {
  const at = app.lanes.indexOf(lane), a = app.lanes[0];
  if (at === 0 || lane.status !== 'done' || a.status !== 'done') return lane.status === 'running' ? 'running' : '';
  const i = firstDifference(lane);
  return i < 0 ? 'same as A' : `parts from A at token ${i + 1}`;
}

function refresh(lane) {
  const own = cards.get(lane);
  if (!own) return;
  put(own.stats, statsOf(lane));
  own.badge.textContent = badgeOf(lane);
  markTokens(lane);
}

function card(lane, index) {
  const name = `Lane ${letter(index)}`, title = el('h3', { id: `lane-${lane.id}` }, name);
  const badge = el('span', { class: 'badge' });
  const remove = app.lanes.length > 1 ? el('button', {
    type: 'button', class: 'small', 'aria-label': `Remove ${name.toLowerCase()}`,
    onclick: () => {
      app.lanes.splice(app.lanes.indexOf(lane), 1);
      tell('lanes');
      $('add-lane').focus();
    },
  }, '×') : null;
  const text = el('div', { class: 'text', 'aria-label': `Tokens of ${name.toLowerCase()}`, 'aria-orientation': 'horizontal' });
  const stats = el('dl', { class: 'stats' });
  const node = el('article', { class: 'lane', 'aria-labelledby': `lane-${lane.id}` },
    el('div', { class: 'lane-head' }, title, badge, remove),
    lane.note ? el('p', { class: 'note' }, lane.note) : null,
    laneEditor(lane), text, stats);
  text.addEventListener('click', (event) => {
    const span = event.target.closest('[data-index]');
    if (span) lookAt(app.lanes.indexOf(lane), Number(span.dataset.index));
  });
  cards.set(lane, { card: node, text, stats, badge, spans: [] });
  return node;
}

function build() {
  cards.clear();
  put($('lanes'), app.lanes.map(card));
  for (const lane of app.lanes) {
    writeText(lane);
    refresh(lane);
  }
  $('add-lane').disabled = app.lanes.length >= kMostLanes;
  lookAt(app.at.lane, app.at.token);
}

let marked = null;
function mark() {
  marked?.setAttribute('aria-selected', 'false');
  if (marked) marked.tabIndex = -1;
  marked = cards.get(app.lanes[app.at.lane])?.spans[app.at.token] ?? null;
  marked?.setAttribute('aria-selected', 'true');
  if (marked) marked.tabIndex = 0;
  for (const [lane, own] of cards) own.card.classList.toggle('current', lane === app.lanes[app.at.lane]);
}

/** Moves the selection and the focus: dx tokens, dy lanes. */
export function walk(dx, dy) {
  let lane = app.at.lane + dy;
  while (app.lanes[lane] && !app.lanes[lane].tokens.length) lane += dy || 1;
  if (!app.lanes[lane]) lane = app.at.lane;
  lookAt(lane, app.at.token + dx);
  marked?.focus();
}

/** Adds a lane behind the others, or says why not. */
export function addLane(how) {
  if (app.lanes.length >= kMostLanes) throw new Error(`there is room for ${kMostLanes} lanes: remove one first`);
  const lane = newLane(how);
  app.lanes.push(lane);
  tell('lanes');
  return lane;
}

/** What a lane runs, in words where there are short ones. */
function howText(lane) {
  if (lane.preset) return `the preset ${short(lane.preset)}`;
  const k = /^topk(?::(\d+))?$/.exec(lane.routing), n = k?.[1] ?? app.about.n_expert_used;
  const routing = !k ? short(lane.routing) : `${k[1] ? 'only ' : ''}the best ${n > 1 ? `${n} experts` : 'expert'} of each block (${lane.routing})`;
  return lane.method === 'greedy' ? routing : `${short(lane.method)} on ${routing}`;
}

/** What changed between the first two lanes, in a sentence. */
function changedText() {
  const [a, b] = app.lanes;
  if (!b || a.status !== 'done' || b.status !== 'done') return '';
  const i = firstDifference(b);
  if (i < 0) return `Lane B (${howText(b)}) says the very same as lane A (${howText(a)}).`;
  const said = (l) => (l.tokens[i] ? quoted(l.tokens[i].text) : 'nothing more');
  return `Lane A runs ${howText(a)}, lane B ${howText(b)}: they part at token ${i + 1}, where B says ${said(b)} instead of ${said(a)}.`;
}

export function start() {
  on('lanes', build);
  on('tokens', (lane) => {
    const own = cards.get(lane);
    if (!own) return;
    // Given tokens come in before: then all is written again.
    const grown = lane.nGiven === 0 && own.spans.length > 0 && own.spans.length <= lane.tokens.length;
    writeText(lane, grown ? own.spans.length : 0);
    refresh(lane);
    if (lane === app.lanes[app.at.lane]) mark();
  });
  on('lane', (lane) => {
    if (!cards.has(lane)) return;
    writeText(lane);
    app.lanes.forEach(refresh);
    const name = letter(app.lanes.indexOf(lane));
    const said = lane.status === 'done' ? `finished, ${lane.tokens.length} tokens` : lane.status;
    $('live').textContent = `Lane ${name} ${said}. ${badgeOf(lane)}`;
    $('changed').textContent = changedText();
    lookAt(app.at.lane, app.at.token);
  });
  on('at', mark);
}
