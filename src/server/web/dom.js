// Elements out of data. Data only ever becomes text nodes and attributes, never markup.

const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'tabIndex', 'open', 'selected', 'readOnly']);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) {
      if (PROPERTIES.has(name) && value === false) node[name] = false;
    } else if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (PROPERTIES.has(name)) {
      node[name] = value;
    } else if (name === 'vars') {
      for (const [key, v] of Object.entries(value)) node.style.setProperty(`--${key}`, v);
    } else {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

export const $ = (id) => document.getElementById(id);

/** Puts nodes in place of what a node held. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
}

/** A table with a caption, in a box that scrolls by itself where it is too wide. */
export function table(caption, head, rows, attributes = {}) {
  return el('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabIndex: 0 },
    el('table', attributes,
      el('caption', {}, caption),
      el('thead', {}, el('tr', {}, head.map((h) => el('th', { scope: 'col' }, h)))),
      el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell, i) =>
        i === 0 ? el('th', { scope: 'row' }, cell) : el('td', {}, cell)))))));
}

/** Lets the browser save a text as a file. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el('a', { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Copies, and says so on the button for a moment. */
export async function copyText(text, button) {
  const before = Array.from(button.childNodes);
  let said = 'Copied';
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    said = 'Not copied: the browser refused';
  }
  button.replaceChildren(said);
  $('live').textContent = said;
  setTimeout(() => button.replaceChildren(...before), 1500);
}
