// What if this expert had been banned here, or forced: how the token's log-probability moves, always beside what
// the block's other experts do when they are treated alike.
import { ask, events } from './api.js';
import { $, el, put, table } from './dom.js';
import { contextOf } from './inspector.js';
import { addLane } from './lanes.js';
import { laneFields, run } from './run.js';
import { gateAt, onExpert } from './strip.js';
import { app, lane, on, tell } from './store.js';
import { letter, number, percent, quoted, short, signed } from './text.js';
import { fail } from './trouble.js';

const kListed = 25;
let abort = null;

async function question(of, index, signal) {
  return { ...laneFields(of), tokens: await contextOf(of, index, signal), continuation_tokens: [of.tokens[index].id], control: true };
}

/** A policy with one more expert banned or forced. */
function policyWith(of, name) {
  const base = of.preset ? of.result.policy : of.routing, [how, expert] = name.split(' ');
  const opening = how === 'ban' ? '+mask:' : '+force:', at = base.indexOf(opening);
  return at < 0 ? base + opening + expert : `${base.slice(0, at)}${opening}${expert},${base.slice(at + opening.length)}`;
}

async function goOn(of, index, name) {
  try {
    const made = addLane({
      preset: of.preset, method: of.method, options: { ...of.options }, routing: policyWith(of, name),
      follow: of.tokens.slice(0, index).map((t) => t.id),
      note: `Lane ${letter(app.lanes.indexOf(of))} up to token ${index}, then with ${name} in all its tokens.`,
    });
    await run([made]);
    tell('settings');
  } catch (error) {
    fail(error);
  }
}

function controlText(control) {
  if (!control) return 'no other expert to compare with';
  const [low, high] = control.range;
  return `${signed(control.mean)} on the average, 95% in ${signed(low)} to ${signed(high)} (${control.experts} experts)`;
}

/** Whether a change stands out from the control's range. */
const standsOut = (answer) =>
  answer.control && (answer.change < answer.control.range[0] || answer.change > answer.control.range[1]);

/** Change and control on one axis, nats. */
function axis(answer) {
  const { change, control } = answer;
  if (!control) return null;
  const [low, high] = control.range, most = Math.max(Math.abs(change), Math.abs(low), Math.abs(high), 1e-6) * 1.1;
  const x = (v) => 100 * (v + most) / (2 * most);
  return el('div', { class: 'axis', 'aria-hidden': 'true' },
    el('span', { class: 'zero' }),
    el('span', { class: 'range', vars: { from: `${x(low)}%`, width: `${Math.max(0.5, x(high) - x(low))}%` } }),
    el('span', { class: 'mean', vars: { from: `${x(control.mean)}%` } }),
    el('span', { class: 'dot', vars: { from: `${x(change)}%` } }));
}

function answerView(of, index, answer) {
  const before = answer.tokens[0].logprob, t = of.tokens[index];
  return el('div', { class: 'answer' },
    el('p', {}, el('strong', {}, answer.what), `: log p of ${quoted(t.text)} `, el('strong', {}, `${signed(answer.change)} nats`),
      `, from ${percent(Math.exp(before))} to ${percent(Math.exp(before + answer.change))}.`),
    axis(answer),
    el('p', {}, `Control, the same done to each other expert of this block: ${controlText(answer.control)}. `,
      answer.control ? (standsOut(answer) ? 'This one stands out.' : 'This one does not stand out.') : ''),
    el('div', { class: 'buttons' },
      el('button', { type: 'button', id: 'go-on', onclick: () => goOn(of, index, answer.what) }, `Go on from here with ${answer.what} in a new lane`)));
}

function rankView(of, index, answers) {
  const rows = answers.slice(0, kListed).map((a) => [
    a.what, signed(a.change), a.control ? signed(a.control.mean) : '–',
    a.control ? `${signed(a.control.range[0])} to ${signed(a.control.range[1])}` : '–', standsOut(a) ? 'yes' : 'no',
    el('button', { type: 'button', class: 'small', 'aria-label': `go on with ${a.what} in a new lane`, onclick: () => goOn(of, index, a.what) }, 'go on'),
  ]);
  return [
    table(`The ${rows.length} largest effects of ${answers.length} on token ${index + 1}, ${quoted(of.tokens[index].text)}`,
      ['what', 'change of log p', 'control mean', 'control 95%', 'stands out', 'new lane'], rows),
    el('p', { class: 'quiet' }, 'An effect on one token is not importance. Of many experts some stand out by chance: about one in twenty.'),
  ];
}

/** Runs a piece of work with its place on the page, until another one begins. */
async function work(title, make) {
  abort?.abort();
  const mine = abort = new AbortController(), of = lane(), index = app.at.token;
  const place = el('div', { id: 'whatif-answer' }, el('p', { class: 'quiet' }, 'asking…'));
  put($('whatif-place'), place);
  try {
    const made = await make(of, index, mine.signal, place);
    if (abort !== mine) return;
    put(place, made);
    $('live').textContent = `${title} answered`;
    performance.mark('whatif-shown');
  } catch (error) {
    put(place);
    if (error.name !== 'AbortError') fail(error);
  }
}

function whatIf(block, expert) {
  const name = `${app.about.moe_blocks[block]}.${expert}`, how = gateAt(block, expert).rank ? 'ban' : 'force';
  return work(`${how} ${name}`, async (of, index, signal) => {
    const reply = await ask('/v1/rouse/whatif', { ...(await question(of, index, signal)), [how]: [name] }, signal);
    return answerView(of, index, reply.answers[0]);
  });
}

/** All answers; the server tells how far it is. */
async function ranked(body, signal, place) {
  const bar = el('progress', { 'aria-label': 'blocks done', max: 1, value: 0 });
  put(place, bar);
  for await (const event of events('/v1/rouse/whatif', body, signal)) {
    if (event.result) return event.result.answers;
    bar.value = event.done / event.total;
  }
  throw new Error('the server ended before the ranking did');
}

async function rankAll() {
  $('rank-stop').hidden = false;
  await work('The ranking', async (of, index, signal, place) =>
    rankView(of, index, await ranked({ ...(await question(of, index, signal)), rank: true }, signal, place)));
  if ($('rank-stop')) $('rank-stop').hidden = true;
}

function show({ lane: of, index }) {
  abort?.abort();
  const method = of.preset ? app.presets.get(of.preset) : of.method;
  put($('whatif'),
    el('h3', { id: 'whatif-title' }, 'What if'),
    el('p', { class: 'quiet' }, `An expert of this token banned, or another forced in the last-ranked one’s place: how does the probability of ${quoted(of.tokens[index].text)} move?`,
      method === 'greedy' ? '' : ` Of the model under this lane’s routing alone, without what ${short(method)} makes of it.`),
    el('div', { class: 'buttons' }, el('button', { type: 'button', id: 'rank-all', onclick: rankAll }, 'Rank all experts'),
      el('button', { type: 'button', id: 'rank-stop', hidden: true, onclick: () => abort?.abort() }, 'Stop the ranking')),
    el('div', { id: 'whatif-place' }));
}

export function start() {
  onExpert(whatIf);
  on('gates', show);
  on('look', () => {
    abort?.abort();
    put($('whatif'));
  });
}
