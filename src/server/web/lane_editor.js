// What a lane runs: a preset, or a method with its options and a routing policy, all from the server's own tables.
import { el, put } from './dom.js';
import { short } from './text.js';
import { app, tell } from './store.js';

const changed = (lane) => {
  lane.note = '';
  tell('settings');
};

/** A field for one option, by its JSON schema; empty: as the server has it. */
function optionField(lane, name, schema) {
  const id = `o-${lane.id}-${name}`;
  const value = lane.options[name];
  const take = (text) => {
    if (text === '') delete lane.options[name];
    else lane.options[name] = schema.type === 'integer' || schema.type === 'number' ? Number(text) : text;
    changed(lane);
  };
  const attributes = { id, value: value ?? '', onchange: (event) => take(event.target.value) };
  let field;
  if (schema.enum) {
    field = el('select', { id, onchange: (event) => take(event.target.value) },
      el('option', { value: '' }, `as ever (${schema.default})`), schema.enum.map((v) => el('option', { value: v }, v)));
    field.value = value ?? '';
  } else if (schema.type === 'integer' || schema.type === 'number') {
    field = el('input', {
      ...attributes, type: 'number', step: schema.type === 'integer' ? 1 : 'any', placeholder: schema.default,
      min: schema.minimum, max: schema.maximum < 1e9 ? schema.maximum : undefined,
    });
  } else {
    field = el('input', { ...attributes, type: 'text', placeholder: schema.default ?? '', maxlength: 256 });
  }
  return el('label', { title: schema.description }, name.replaceAll('_', ' '), ' ', field);
}

function optionsOf(method) {
  return Object.entries(app.options).filter(([, schema]) => schema.methods?.includes(method));
}

function methodField(lane, renew) {
  const select = el('select', {
    id: `method-${lane.id}`,
    onchange: () => {
      const [kind, name] = select.value.split(/:(.*)/s);
      lane.preset = kind === 'preset' ? name : '';
      lane.method = kind === 'method' ? name : 'greedy';
      lane.options = {};
      changed(lane);
      renew();
    },
  },
  app.presets.size ? el('optgroup', { label: 'presets' },
    [...app.presets.keys()].map((name) => el('option', { value: `preset:${name}` }, short(name)))) : null,
  el('optgroup', { label: 'methods' },
    app.methods.map((m) => el('option', { value: `method:${m.name}`, title: m.help }, m.name))));
  select.value = lane.preset ? `preset:${lane.preset}` : `method:${lane.method}`;
  return el('label', {}, 'Method ', select);
}

function routingField(lane) {
  const input = el('input', {
    id: `routing-${lane.id}`, type: 'text', value: lane.routing, list: 'policies', spellcheck: 'false', autocomplete: 'off',
    maxlength: 4096,
    onchange: () => {
      lane.routing = input.value.trim() || 'topk';
      changed(lane);
    },
  });
  return el('label', {}, 'Routing ', input);
}

/** The policies that make sense as they stand, for the routing fields of all lanes. */
export function policyList() {
  const used = app.about.n_expert_used;
  const examples = ['topk', 'topk:1', `topk:${Math.max(1, used >> 1)}`, 'rank:2', `random:${used}`, `explore:${used}`, 'dynamic:0.6',
    'topk+mask:0.0', 'topk+force:0.0', ...app.plans.map((p) => `plan:${p.name}`)];
  return el('datalist', { id: 'policies' }, [...new Set(examples)].map((value) => el('option', { value })));
}

export function laneEditor(lane) {
  const box = el('div', { class: 'editor' });
  const renew = () => {
    const options = lane.preset ? [] : optionsOf(lane.method);
    put(box,
      el('div', { class: 'fields' }, methodField(lane, renew), routingField(lane)),
      options.length ? el('details', { open: Object.keys(lane.options).length > 0 },
        el('summary', {}, `Options of ${lane.method}`),
        el('div', { class: 'fields' }, options.map(([name, schema]) => optionField(lane, name, schema)))) : null);
  };
  renew();
  return box;
}
