// Blocks x experts at one token, as a grid to walk in: each cell shows its gate, and whether the expert was chosen.
import { $, el, put } from './dom.js';
import { app } from './store.js';
import { number } from './text.js';

const kLevels = 12;  // of a gate's shade; style.css has as many
let cells = [];      // [block][expert]
const labelled = new Set();
let at = [0, 0];
let chosen = null;   // called with (block index, expert)
let shown = null;    // {rank, gate}: [block][expert]

/** Says of a cell what it shows. */
function label(b, e) {
  const { rank, gate } = gateAt(b, e), how = rank ? `chosen, rank ${rank}` : 'not chosen', cell = cells[b][e];
  cell.setAttribute('aria-label', `block ${app.about.moe_blocks[b]}, expert ${e}: ${how}, gate ${number(gate, 4)}`);
  labelled.add(cell);
}

function focusCell(block, expert) {
  const last = [cells.length - 1, (cells[0]?.length ?? 1) - 1];
  cells[at[0]]?.[at[1]]?.setAttribute('tabindex', '-1');
  at = [Math.max(0, Math.min(block, last[0])), Math.max(0, Math.min(expert, last[1]))];
  const cell = cells[at[0]][at[1]];
  cell.setAttribute('tabindex', '0');
  label(...at);
  cell.focus();
}

/** Asks about the cell, unless it still shows another token's gates. */
function choose() {
  if ($('expert-grid').ariaBusy !== 'true') chosen?.(...at);
}

/** The next chosen expert from here, along the blocks. */
function nextChosen(step) {
  const n = cells[0].length, all = cells.length * n;
  for (let i = 1; i < all; ++i) {
    const k = (at[0] * n + at[1] + step * i + all) % all;
    if (shown.rank[Math.floor(k / n)][k % n] > 0) return [Math.floor(k / n), k % n];
  }
  return at;
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const [b, e] = at, moves = {
    ArrowUp: [b - 1, e], ArrowDown: [b + 1, e], ArrowLeft: [b, e - 1], ArrowRight: [b, e + 1], Home: [b, 0], End: [b, 1e9],
    PageUp: [0, e], PageDown: [1e9, e],
  };
  if (event.key === 'c' || event.key === 'C') moves[event.key] = nextChosen(event.key === 'c' ? 1 : -1);
  if (moves[event.key]) focusCell(...moves[event.key]);
  else if (event.key === 'Enter' || event.key === ' ') choose();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** The grid's cells, once a model. */
function build() {
  const blocks = app.about.moe_blocks, n = app.about.n_expert;
  cells = blocks.map((_, b) => Array.from({ length: n }, (_, e) => el('div', {
    role: 'gridcell', class: 'cell', tabindex: -1, 'data-block': b, 'data-expert': e,
  })));
  cells[0][0].setAttribute('tabindex', '0');
  const grid = el('div', {
    role: 'grid', id: 'expert-grid', class: 'grid', 'aria-labelledby': 'strip-title', 'aria-describedby': 'strip-help',
    'aria-keyshortcuts': 'E', onkeydown: onKey,
    onclick: (event) => {
      const cell = event.target.closest('.cell');
      if (!cell) return;
      focusCell(Number(cell.dataset.block), Number(cell.dataset.expert));
      choose();
    },
    onpointerover: ({ target }) => {
      if (!target.dataset.block || !shown) return;
      label(Number(target.dataset.block), Number(target.dataset.expert));
      target.title = target.ariaLabel;
    },
  }, blocks.map((block, b) => el('div', { role: 'row', class: 'row' },
    el('span', { role: 'rowheader', class: 'block' }, String(block)), cells[b])));
  return el('div', {},
    el('h3', { id: 'strip-title' }, 'Experts of this token'),
    el('p', { class: 'quiet', id: 'strip-help' }, 'A row a block, a cell an expert; darker is a higher gate, framed is chosen. Choose one to ban or ',
      'force it: click, or ', el('kbd', {}, 'E'), ', arrow keys (', el('kbd', {}, 'C'), ' next chosen), ', el('kbd', {}, 'Enter'), '.'),
    el('div', { class: 'scroll' }, grid));
}

/** From now until the next gates come. */
export function staleStrip() {
  if ($('expert-grid')) $('expert-grid').ariaBusy = 'true';
}

/** Shows the gates of a token: as /v1/rouse/gates gives them, with all that were not chosen. */
export function showStrip(gates) {
  if (!gates) return put($('strip'));
  if (!$('expert-grid')) put($('strip'), build());
  const n = app.about.n_expert;
  $('expert-grid').ariaBusy = 'false';
  shown = { rank: [], gate: [] };
  cells.forEach((row, b) => {
    const rank = new Array(n).fill(0), gate = new Array(n).fill(0);
    gates.experts[b].forEach((e, i) => {
      rank[e] = i + 1;
      gate[e] = gates.gates[b][i];
    });
    gates.next?.[b]?.forEach((e, i) => {
      gate[e] = gates.next_gates[b][i];
    });
    const most = Math.max(...gate, 1e-9);
    row.forEach((cell, e) => {
      const look = `cell v${Math.round(kLevels * Math.sqrt(Math.max(0, gate[e]) / most))}${rank[e] ? ' chosen' : ''}`;
      if (cell.className !== look) cell.className = look;
    });
    shown.rank.push(rank);
    shown.gate.push(gate);
  });
  // A thousand labels take their time: those chosen have theirs at once, others when they are come to.
  for (const cell of labelled) cell.removeAttribute('aria-label');
  labelled.clear();
  shown.rank.forEach((row, b) => row.forEach((rank, e) => rank && label(b, e)));
  label(...at);
}

export const onExpert = (run) => { chosen = run; };
export const gateAt = (block, expert) => ({ rank: shown.rank[block][expert], gate: shown.gate[block][expert] });

/** To the grid: the first chosen expert, or where one was before. */
export function enterStrip() {
  if (!$('expert-grid')) return false;
  if (at[0] === 0 && at[1] === 0) at = nextChosen(1);
  focusCell(...at);
  return true;
}
