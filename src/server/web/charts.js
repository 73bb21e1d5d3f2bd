// Plain SVG: lines with bands, steps, bars with intervals, scatter, heat. Every chart has a title and a description
// for who does not see it, and its numbers stand in a table beside it.
import { el, svg } from './dom.js';
import { number } from './text.js';

let made = 0;

/** Round numbers within a range, four or so. */
function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((s) => s * power >= rough) ?? 10);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) out.push(i * step);
  return out;
}
/** On a logarithmic scale: the powers of ten, or where they are less than two the ends. */
function logTicks(low, high) {
  const out = [];
  for (let i = Math.ceil(low); i <= high; ++i) out.push(i);
  return out.length > 1 ? out : [low, ...out, high];
}

/** A frame: scales, axes with a few ticks, labels. x, y: [low, high]. */
function frame({ title, text, width = 640, height = 260, x, y, xLabel, yLabel, logY = false }) {
  const box = { left: 64, right: 20, top: 14, bottom: 42 };
  const clean = logY ? y.map((v) => Math.log10(Math.max(v, 1e-12))) : y;
  const span = (low, high) => (high > low ? high - low : 1);
  const sx = (v) => box.left + (width - box.left - box.right) * (v - x[0]) / span(...x);
  const sy = (v) => height - box.bottom - (height - box.top - box.bottom) *
    ((logY ? Math.log10(Math.max(v, 1e-12)) : v) - clean[0]) / span(...clean);
  const id = `chart-${++made}`;
  const node = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', class: 'chart', 'aria-labelledby': `${id}t ${id}d` },
    svg('title', { id: `${id}t` }, title), svg('desc', { id: `${id}d` }, text));
  for (const v of logY ? logTicks(...clean) : ticks(...clean)) {
    const value = logY ? 10 ** v : v;
    node.append(svg('line', { class: 'rule', x1: box.left, x2: width - box.right, y1: sy(value), y2: sy(value) }),
      svg('text', { class: 'tick', x: box.left - 6, y: sy(value) + 4, 'text-anchor': 'end' }, short(value)));
  }
  node.append(svg('text', { class: 'label', x: (box.left + width) / 2, y: height - 6, 'text-anchor': 'middle' }, xLabel),
    svg('text', { class: 'label', transform: `translate(12 ${(height - box.bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle' }, yLabel));
  return { node, sx, sy, height, width, box };
}

function short(v) {
  if (v === 0) return '0';
  const a = Math.abs(v);
  if (a >= 1e5 || a < 1e-3) return v.toExponential(0);
  return String(Number(v.toPrecision(4))).replace('-', '−');
}

const finite = (values) => values.filter((v) => Number.isFinite(v));
function range(values, zero = true) {
  const all = finite(values);
  const low = Math.min(...all, ...(zero ? [0] : [])), high = Math.max(...all, ...(zero ? [0] : []));
  return all.length ? [low, high > low ? high : low + 1] : [0, 1];
}

function xTicks(f, labels) {
  const every = Math.ceil(labels.length / 16);
  labels.forEach((name, i) => {
    if (i % every === 0)
      f.node.append(svg('text', { class: 'tick', x: f.sx(i), y: f.height - f.box.bottom + 16, 'text-anchor': 'middle' }, String(name)));
  });
}

function figure(f, note) {
  return el('figure', {}, el('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': note }, f.node),
    el('figcaption', {}, note));
}

/** values by block as steps. */
export function steps({ title, labels, values, base, xLabel, yLabel }) {
  const f = frame({ title, text: `${values.length} values from ${Math.min(...values)} to ${Math.max(...values)}`,
    x: [-0.5, labels.length - 0.5], y: range([...values, base ?? 0]), xLabel, yLabel });
  values.forEach((v, i) => {
    const bar = svg('rect', { class: 'bar', x: f.sx(i - 0.4), width: f.sx(0.4) - f.sx(-0.4), y: f.sy(v), height: f.sy(0) - f.sy(v) });
    bar.append(svg('title', {}, `${labels[i]}: ${v}`));
    f.node.append(bar, svg('text', { class: 'tick', x: f.sx(i), y: f.sy(v) - 3, 'text-anchor': 'middle' }, String(v)));
  });
  if (base !== undefined)
    f.node.append(svg('line', { class: 'base', x1: f.sx(-0.5), x2: f.sx(labels.length - 0.5), y1: f.sy(base), y2: f.sy(base) }));
  xTicks(f, labels);
  return figure(f, title);
}

/** A line of values with a band about it, where there is one: [[low, high]]. */
export function line({ title, labels, values, bands, xLabel, yLabel, logY = false }) {
  const all = [...values, ...(bands ?? []).flat()].filter((v) => !logY || v > 0);
  const f = frame({ title, text: `${finite(values).length} values with their intervals`, x: [-0.5, labels.length - 0.5],
    y: logY ? [Math.min(...finite(all)), Math.max(...finite(all))] : range(all), xLabel, yLabel, logY });
  const known = values.map((v, i) => [v, i]).filter(([v]) => Number.isFinite(v));
  const banded = known.filter(([, i]) => bands?.[i]?.every(Number.isFinite));
  if (banded.length) {
    const up = banded.map(([, i]) => `${f.sx(i)},${f.sy(bands[i][1])}`);
    const down = banded.map(([, i]) => `${f.sx(i)},${f.sy(bands[i][0])}`).reverse();
    f.node.append(svg('polygon', { class: 'band', points: [...up, ...down].join(' ') }));
  }
  f.node.append(svg('polyline', { class: 'line', points: known.map(([v, i]) => `${f.sx(i)},${f.sy(v)}`).join(' ') }));
  for (const [v, i] of known) {
    const dot = svg('circle', { class: 'dot', cx: f.sx(i), cy: f.sy(v), r: 3.5 });
    dot.append(svg('title', {}, `${labels[i]}: ${number(v)}`));
    f.node.append(dot);
  }
  xTicks(f, labels);
  return figure(f, title);
}

/** Named values with intervals: bars: [{name, mean, interval: [low, high]}]. */
export function bars({ title, bars: all, xLabel, yLabel }) {
  const f = frame({ title, text: all.map((b) => `${b.name} ${number(b.mean)}`).join(', '), x: [-0.5, all.length - 0.5],
    y: range(all.flatMap((b) => [b.mean, ...b.interval])), xLabel, yLabel });
  all.forEach((b, i) => {
    const top = Math.min(f.sy(b.mean), f.sy(0));
    const bar = svg('rect', { class: 'bar', x: f.sx(i - 0.3), width: f.sx(0.3) - f.sx(-0.3), y: top, height: Math.abs(f.sy(b.mean) - f.sy(0)) });
    bar.append(svg('title', {}, `${b.name}: ${number(b.mean)}`));
    f.node.append(bar, svg('line', { class: 'whisker', x1: f.sx(i), x2: f.sx(i), y1: f.sy(b.interval[0]), y2: f.sy(b.interval[1]) }));
  });
  f.node.append(svg('line', { class: 'base', x1: f.sx(-0.5), x2: f.sx(all.length - 0.5), y1: f.sy(0), y2: f.sy(0) }));
  xTicks(f, all.map((b) => b.name));
  return figure(f, title);
}

/** points: [{x, y, name, marked}]. */
export function scatter({ title, points, xLabel, yLabel }) {
  const f = frame({ title, text: `${points.length} points, ${points.filter((p) => p.marked).length} of them marked`, height: 320,
    x: range(points.map((p) => p.x)), y: range(points.map((p) => p.y)), xLabel, yLabel });
  for (const p of points) {
    const at = p.marked
      ? svg('path', { class: 'mark', d: `M${f.sx(p.x)} ${f.sy(p.y) - 6}l6 6l-6 6l-6-6z` })
      : svg('circle', { class: 'point', cx: f.sx(p.x), cy: f.sy(p.y), r: 3 });
    at.append(svg('title', {}, p.name));
    f.node.append(at);
  }
  for (const v of ticks(...range(points.map((p) => p.x))))
    f.node.append(svg('text', { class: 'tick', x: f.sx(v), y: f.height - f.box.bottom + 16, 'text-anchor': 'middle' }, short(v)));
  return figure(f, title);
}

/** Blocks x experts. values: [block][expert]; signed ones run from blue over nothing to orange. */
export function heat({ title, text, labels, values, name }) {
  const n = values[0].length, size = n > 96 ? 8 : n > 32 ? 16 : 22, left = 34, top = 18;
  const most = Math.max(...values.flat().map(Math.abs), 1e-12);
  const id = `chart-${++made}`, width = left + n * size + 4, height = top + values.length * size + 18;
  const node = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', class: 'chart heat', 'aria-labelledby': `${id}t ${id}d` },
    svg('title', { id: `${id}t` }, title), svg('desc', { id: `${id}d` }, text));
  values.forEach((row, b) => {
    node.append(svg('text', { class: 'tick', x: left - 5, y: top + b * size + size - 2, 'text-anchor': 'end' }, String(labels[b])));
    row.forEach((v, e) => {
      const cell = svg('rect', { class: v < 0 ? 'less' : 'more', x: left + e * size, y: top + b * size, width: size - 1, height: size - 1 });
      cell.style.setProperty('--v', Math.sqrt(Math.abs(v) / most).toFixed(3));
      cell.append(svg('title', {}, name(b, e, v)));
      node.append(cell);
    });
  });
  for (let e = 0; e < n; e += 8)
    node.append(svg('text', { class: 'tick', x: left + e * size, y: 12 }, String(e)));
  return figure({ node }, title);
}
