// The page: what the server has, the first view, and what belongs to no part of it.
import { $, copyText } from './dom.js';
import * as heat from './heat.js';
import * as inspector from './inspector.js';
import * as keys from './keys.js';
import { policyList } from './lane_editor.js';
import { learn } from './learn.js';
import * as lanes from './lanes.js';
import * as plan from './plan.js';
import { run, stop } from './run.js';
import { keep, modelWarning, take } from './state.js';
import { app, firstDifference, kMostTokens, lookAt, newLane, on, tell } from './store.js';
import { short } from './text.js';
import { fail, warn } from './trouble.js';
import * as whatif from './whatif.js';

const kExample = 'Ivy has 272 pencils. Ivy shares them equally among 2 friends and looks at one share. Ivy finds 98 more. ' +
  'How many pencils does Ivy end up with?';

/** A first visit: the model's own routing beside its best expert alone; a dense model has another method only. */
function example() {
  app.settings.prompt = kExample;
  app.lanes = [newLane(), newLane(app.about.n_expert ? { routing: 'topk:1' } : { method: 'dola' })];
}

function showSettings() {
  const s = app.settings;
  $('prompt').value = s.prompt;
  $('n').value = s.n;
  $('temp').value = s.temp;
  $('seed').value = s.seed;
  $('raw').checked = s.raw;
}

function readSettings() {
  const s = app.settings;
  const within = (id, low, high) => {
    const value = Number($(id).value);
    return Number.isFinite(value) ? Math.max(low, Math.min(value, high)) : low;
  };
  s.prompt = $('prompt').value;
  s.n = Math.round(within('n', 1, kMostTokens));
  s.temp = within('temp', 0, 10);
  s.seed = Math.round(within('seed', 0, Number.MAX_SAFE_INTEGER));
  s.raw = $('raw').checked;
}

async function runAll() {
  readSettings();
  fail(null);
  if (!app.settings.prompt) {
    fail(new Error('Write a prompt first.'));
    $('prompt').focus();
    return;
  }
  $('changed').textContent = '';
  keep();
  try {
    await run();
    keep();
  } catch (error) {
    if (/no chat template/.test(error.message)) error.message = 'This model has no chat template: tick “without the chat template” and run again.';
    fail(error);
  }
}

function showTab(name, focus = false) {
  app.tab = name;
  for (const tab of ['token', 'heat', 'plan']) {
    const selected = tab === name, button = $(`tab-${tab}`);
    button.setAttribute('aria-selected', String(selected));
    button.tabIndex = selected ? 0 : -1;
    $(`view-${tab}`).hidden = !selected;
    if (selected && focus) button.focus();
  }
  tell('tab');
  keep();
}

function startTabs() {
  const names = ['token', 'heat', 'plan'];
  names.forEach((name, i) => {
    $(`tab-${name}`).addEventListener('click', () => showTab(name));
    $(`tab-${name}`).addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      showTab(names[(i + step + names.length) % names.length], true);
    });
  });
}

function startForm() {
  $('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    runAll();
  });
  $('stop').addEventListener('click', stop);
  $('link').addEventListener('click', (event) => {
    keep();
    copyText(location.href, event.currentTarget);
  });
  $('add-lane').addEventListener('click', () => {
    try {
      lanes.addLane();
      keep();
    } catch (error) {
      fail(error);
    }
  });
  $('skip').addEventListener('click', (event) => {
    event.preventDefault();
    lanes.walk(0, 0);
  });
  on('running', () => {
    $('run').disabled = app.running;
    $('stop').disabled = !app.running;
    $('lanes').setAttribute('aria-busy', String(app.running));
  });
  let later = 0;
  on('at settings', () => {
    clearTimeout(later);
    later = setTimeout(keep, 200);
  });
}

/** The model in a line. */
function showModel() {
  const about = app.about;
  const experts = about.n_expert ? `${about.n_expert} experts in each of ${about.moe_blocks.length} blocks, ${about.n_expert_used} a token` : 'dense: no experts';
  $('model').textContent = `${short(about.id, 120)} · ${short(about.architecture, 40)} · ${experts} · ${about.fingerprint.slice(0, 8)}`;
  document.body.append(policyList());
}

/** The state of the address, or the example. runs: whether it is run by itself. */
function open() {
  let linked = false;
  try {
    linked = take(location.hash);
  } catch (error) {
    fail(error);
  }
  if (!linked) example();
  const warning = linked ? modelWarning() : '';
  warn(warning);
  showSettings();
  const at = { ...app.at };
  tell('lanes');
  showTab(app.tab);
  // A small model shows the example at once; what takes a large one its time is for the user to start.
  if (linked ? !warning && app.settings.prompt : app.about.id.startsWith('rouse-lab'))
    runAll().then(() => (linked ? lookAt(at.lane, at.token) : lookAt(0, firstDifference(app.lanes[1]))));
}

async function main() {
  startTabs();
  startForm();
  for (const part of [lanes, inspector, heat, plan, whatif]) part.start();
  keys.start({ runAll, showTab });
  try {
    await learn();
    showModel();
    open();
    window.addEventListener('hashchange', () => {
      stop();
      open();
    });
  } catch (error) {
    $('model').textContent = 'the server does not answer as it should';
    fail(error);
  }
  performance.mark('page-ready');
}

main();
