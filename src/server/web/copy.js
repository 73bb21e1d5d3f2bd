// The lanes as a request that others can make: curl, the command line, Python.
import { $, copyText, el, put } from './dom.js';
import { laneFields } from './run.js';
import { app } from './store.js';

/** For a POSIX shell, whatever it holds. */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function body() {
  const { prompt, raw, n, temp, seed } = app.settings;
  const out = { prompt, n_predict: n };
  if (raw) out.raw = true;
  if (temp) Object.assign(out, { temp, seed });
  // Lanes that go on from given tokens begin with the whole prompt: their part of the text is what the page made.
  out.lanes = app.lanes.filter((l) => !l.follow.length).map(laneFields);
  return out;
}

const kAuth = () => (sessionStorage.getItem('rouse-key') ? ' -H "Authorization: Bearer $ROUSE_KEY"' : '');

function curl() {
  return `curl ${location.origin}/v1/rouse/compare${kAuth()} -H 'Content-Type: application/json' -d ${quote(JSON.stringify(body()))}`;
}

/** A variant of `rouse compare`: a preset by its name, or a method with options, or a policy. */
function variant(lane) {
  if (lane.preset) return lane.preset;
  const options = Object.entries(lane.options).map(([name, value]) => `${name}=${value}`);
  if (lane.method === 'greedy' && !options.length) return lane.routing;
  if (lane.routing !== 'topk') options.unshift(`routing=${lane.routing}`);
  return [lane.method, ...options].join(' ');
}

function commandLine() {
  const { prompt, raw, n, temp, seed } = app.settings;
  const sampled = temp ? ` --temp ${temp} --seed ${seed}` : '';
  const lanes = app.lanes.filter((l) => !l.follow.length).map((l) => ` --with ${quote(variant(l))}`).join('');
  const presets = [...new Set(app.lanes.map((l) => l.preset).filter(Boolean))];
  const hint = presets.length ? `# presets of the server, which its --preset defines: ${presets.join(', ')}\n` : '';
  return `${hint}rouse compare -m MODEL.gguf -p ${quote(prompt)} -n ${n}${raw ? ' --raw' : ''}${sampled}${lanes}`;
}

/** JSON as Python spells it. */
function python(value) {
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value === null) return 'None';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${python(v)}`).join(', ')}}`;
  return JSON.stringify(value);
}

function pythonCode() {
  const key = sessionStorage.getItem('rouse-key') ? ', "Authorization": "Bearer " + os.environ["ROUSE_KEY"]' : '';
  return `import json, ${key ? 'os, ' : ''}urllib.request

body = ${python(body())}
request = urllib.request.Request("${location.origin}/v1/rouse/compare", json.dumps(body).encode(), {"Content-Type": "application/json"${key}})
for lane in json.load(urllib.request.urlopen(request))["lanes"]:
    print(lane["method"], lane["policy"], lane["text"])`;
}

export function openCopy() {
  const dialog = $('copy');
  const forms = [['curl', curl()], ['Command line', commandLine()], ['Python', pythonCode()]];
  put(dialog, el('h2', { id: 'copy-title' }, 'Copy as'),
    app.lanes.some((l) => l.follow.length) ? el('p', { class: 'quiet' }, 'Without the lanes that go on from a token of another one: for those copy the link.') : null,
    forms.map(([name, text]) => {
      const id = `copy-${name.split(' ')[0].toLowerCase()}`;
      const area = el('textarea', { id, readOnly: true, rows: 4, spellcheck: 'false' });
      area.value = text;
      return el('div', { class: 'form' }, el('label', { for: id }, name), area,
        el('button', { type: 'button', onclick: (event) => copyText(text, event.currentTarget) }, 'Copy'));
    }),
    el('form', { method: 'dialog' }, el('div', { class: 'buttons' }, el('button', { type: 'button', onclick: () => dialog.close() }, 'Close'))));
  dialog.showModal();
}
