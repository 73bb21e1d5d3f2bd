// Asking the server: JSON, and streams of events. Where it wants a key the user is asked for it once a session.
import { $, el, put } from './dom.js';

const KEPT = 'rouse-key';
let asking = null;

export class Refusal extends Error {
  constructor(status, error) {
    super(error?.message ?? `the server answered with ${status}`);
    this.status = status;
    this.param = error?.param ?? null;
  }
}

/** One dialog, however many requests wait for it. */
function askForKey() {
  asking ??= new Promise((done) => {
    const dialog = $('key');
    const field = el('input', { id: 'key-text', type: 'password', autocomplete: 'off', required: true });
    const form = el('form', {
      onsubmit: (event) => {
        event.preventDefault();
        sessionStorage.setItem(KEPT, field.value.trim());
        dialog.close();
      },
    },
    el('h2', { id: 'key-title' }, 'This server wants a key'),
    el('label', { for: 'key-text' }, 'Key'), field,
    el('p', { class: 'quiet' }, 'Kept in this tab until it is closed, and sent to this server alone.'),
    el('div', { class: 'buttons' }, el('button', { type: 'submit', class: 'main' }, 'Go on')));
    put(dialog, form);
    dialog.addEventListener('close', () => {
      asking = null;
      done();
    }, { once: true });
    dialog.showModal();
    field.focus();
  });
  return asking;
}

async function send(path, body, signal) {
  for (let tries = 0; ; ++tries) {
    const key = sessionStorage.getItem(KEPT) ?? '';
    const headers = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (key) headers.Authorization = `Bearer ${key}`;
    const reply = await fetch(path, {
      method: body === undefined ? 'GET' : 'POST', headers, signal, cache: 'no-store',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (reply.ok) return reply;
    const text = await reply.text();
    let error = null;
    try {
      error = JSON.parse(text).error;
    } catch { /* a proxy's own page */ }
    if (reply.status !== 401 || tries > 4) throw new Refusal(reply.status, error);
    // Another request may have brought the key meanwhile.
    if (key === (sessionStorage.getItem(KEPT) ?? '')) await askForKey();
    if (!sessionStorage.getItem(KEPT)) throw new Refusal(reply.status, error);
  }
}

/** The object that a route answers with; a body makes it a POST. */
export async function ask(path, body, signal) {
  return (await send(path, body, signal)).json();
}

/** The events of a stream, each an object, as they come. */
export async function* events(path, body, signal) {
  const reply = await send(path, { ...body, stream: true }, signal);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new Refusal(200, event.error);
      yield event;
    }
  }
}
