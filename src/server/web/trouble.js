// What went wrong, where it is seen and heard.
import { $ } from './dom.js';
import { short } from './text.js';

export function fail(error) {
  const box = $('error');
  box.hidden = !error;
  box.textContent = error ? short(error.message, 600) : '';
}

export function warn(text) {
  const box = $('warning');
  box.hidden = !text;
  box.textContent = text;
}
