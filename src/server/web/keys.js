// The keyboard: one key a thing, none while text is written.
import { openCopy } from './copy.js';
import { $, el, put } from './dom.js';
import { walk } from './lanes.js';
import { stop } from './run.js';
import { enterStrip } from './strip.js';

const kKeys = [
  ['/', 'to the prompt'], ['Ctrl-Enter', 'run all lanes'], ['Esc', 'stop'], ['← →', 'the token before, the one behind'],
  ['↑ ↓', 'the lane above, the one below'], ['Home, End', 'the first token, the last'], ['E', 'to the experts of the token; there arrow keys, C to the next chosen one, Enter asks'],
  ['T, H, P', 'the views: token, heat, plans'], ['Y', 'copy as curl, command line, Python'], ['?', 'this list'],
];

function openHelp() {
  const dialog = $('help');
  put(dialog, el('h2', { id: 'help-title' }, 'Keys'),
    el('dl', { class: 'keys' }, kKeys.map(([key, text]) => el('div', {}, el('dt', {}, el('kbd', {}, key)), el('dd', {}, text)))),
    el('div', { class: 'buttons' }, el('button', { type: 'button', onclick: () => dialog.close() }, 'Close')));
  dialog.showModal();
}

const writes = (node) => node.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]');

/** Keys of the page itself, where nothing is written and no dialog is open. */
function act(event, showTab) {
  const inGroup = event.target.closest?.('[role=tablist], [role=grid]');
  switch (event.key) {
    case '/': $('prompt').focus(); break;
    case '?': openHelp(); break;
    case 'ArrowLeft': if (inGroup) return; walk(-1, 0); break;
    case 'ArrowRight': if (inGroup) return; walk(1, 0); break;
    case 'ArrowUp': if (inGroup || !event.target.closest?.('[role=listbox]')) return; walk(0, -1); break;
    case 'ArrowDown': if (inGroup || !event.target.closest?.('[role=listbox]')) return; walk(0, 1); break;
    case 'Home': if (!event.target.closest?.('[role=listbox]')) return; walk(-1e9, 0); break;
    case 'End': if (!event.target.closest?.('[role=listbox]')) return; walk(1e9, 0); break;
    case 'e': case 'E': showTab('token'); if (!enterStrip()) return; break;
    case 't': case 'T': showTab('token', true); break;
    case 'h': case 'H': showTab('heat', true); break;
    case 'p': case 'P': showTab('plan', true); break;
    case 'y': case 'Y': openCopy(); break;
    default: return;
  }
  event.preventDefault();
}

export function start({ runAll, showTab }) {
  $('help-open').addEventListener('click', openHelp);
  $('copy-open').addEventListener('click', openCopy);
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !document.querySelector('dialog[open]')) {
      event.preventDefault();
      // What is being written in a field counts.
      if (writes(event.target) && event.target.id !== 'prompt') event.target.dispatchEvent(new Event('change', { bubbles: true }));
      runAll();
      return;
    }
    if (document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') {
      stop();
      if (writes(event.target)) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || writes(event.target)) return;
    act(event, showTab);
  });
}
