// Texts of people and models as they can be shown: no character is invisible, none turns the line around.

const NAMES = new Map([
  [0x061c, 'ALM'], [0x200e, 'LRM'], [0x200f, 'RLM'], [0x202a, 'LRE'], [0x202b, 'RLE'], [0x202c, 'PDF'], [0x202d, 'LRO'],
  [0x202e, 'RLO'], [0x2066, 'LRI'], [0x2067, 'RLI'], [0x2068, 'FSI'], [0x2069, 'PDI'], [0x200b, 'ZWSP'], [0x2060, 'WJ'],
  [0xfeff, 'BOM'], [0xad, 'SHY'],
]);

function shown(character) {
  const code = character.codePointAt(0);
  if (code === 0x0a) return '↵\n';
  if (code === 0x09) return '⇥';
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '␡';
  if ((code > 0x7f && code < 0xa0) || NAMES.has(code)) return `⟨${NAMES.get(code) ?? code.toString(16)}⟩`;
  return character;
}

/** All of a text, made visible. */
export function visible(text) {
  return Array.from(String(text), shown).join('');
}

/** A short name: one line, at most so many characters. */
export function short(text, most = 60) {
  const all = Array.from(String(text));
  const cut = all.length > most ? [...all.slice(0, most - 1), '…'] : all;
  return visible(cut.join('')).replaceAll('\n', '');
}

/** A token in running text: in quotes, its spaces to be seen. */
export function quoted(text) {
  return `“${short(text, 40).replaceAll(' ', '␣')}”`;
}

export function number(x, digits = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return '–';
  const text = x !== 0 && Math.abs(x) < 10 ** -digits ? x.toExponential(1) : x.toFixed(digits);
  return text.replaceAll('-', '−');
}

export function signed(x, digits = 3) {
  return x > 0 ? `+${number(x, digits)}` : number(x, digits);
}

export function percent(p) {
  if (p === null || p === undefined || !Number.isFinite(p)) return '–';
  const x = 100 * p;
  return x > 0 && x < 0.01 ? '< 0.01%' : `${x.toFixed(x < 1 ? 2 : 1)}%`;
}

export const letter = (index) => String.fromCharCode(65 + index);

export function csv(rows) {
  const cell = (value) => {
    const text = String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(',')).join('\n') + '\n';
}
