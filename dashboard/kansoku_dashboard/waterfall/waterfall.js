// The tree of a trace beside its time lanes. Only the rows in sight exist; every foreign text goes in as text.

const ROW = 27;
const MOST_ROWS = 21;
const SPARE = 3;
const NARROW = 600;
const INDENT = 15;
const DEEPEST = 8; // levels that still indent; deeper ones carry their number instead
const SETTLE_MS = 140; // the choice is told to the server when the arrow keys rest

function el(tag, name, parent, attributes = {}) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (parent) parent.appendChild(node);
  return node;
}

class Waterfall {
  constructor(root) {
    this.frame = el('div', 'frame', root);
    this.shares = el('div', 'shares', this.frame);
    this.tools = el('div', 'tools', this.frame);
    this.head = el('div', 'head', this.frame, { 'aria-hidden': 'true' });
    this.headSpan = el('div', 'name', this.head);
    this.axis = el('div', 'lane', this.head);
    this.headTokens = el('div', 'number', this.head);
    this.headCost = el('div', 'number', this.head);
    this.body = el('div', 'body', this.frame);
    this.lines = el('div', 'lines', this.body);
    this.box = el('div', 'box', this.body, { role: 'treegrid', tabindex: '0' });
    this.sheet = el('div', 'sheet', this.box, { role: 'rowgroup' });
    this.pool = [];
    this.folded = new Set();
    this.compressed = false;
    this.onPath = false;
    this.timer = 0;
    this.box.addEventListener('scroll', () => this.paint(), { passive: true });
    this.box.addEventListener('keydown', (event) => this.key(event));
    this.sheet.addEventListener('click', (event) => this.click(event));
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.frame);
  }

  // Only another trace or another span asked for moves the choice: the reader may have gone on meanwhile.
  update(data, tell) {
    this.tell = tell;
    const other = !this.data || this.data.trace !== data.trace;
    const grown = other || this.data.rows.id.length !== data.rows.id.length;
    const asked = other || this.data.selected !== data.selected;
    this.data = data;
    this.last = this.lastBelow(data.rows);
    this.path = this.readPath(data.path);
    this.missing = new Set(data.rows.missing);
    if (other) {
      this.folded.clear();
      this.compressed = false;
      this.box.scrollTop = 0;
    }
    if (asked) this.selected = data.rows.id.indexOf(data.selected);
    else if (grown) this.selected = data.rows.id.indexOf(this.chosen);
    this.chosen = data.rows.id[this.selected];
    this.drawShare();
    this.drawTools();
    this.box.setAttribute('aria-label', data.words.tree);
    this.headSpan.textContent = data.words.span;
    this.headTokens.textContent = data.words.tokens;
    this.headCost.textContent = data.words.cost;
    this.layout();
    if (asked && this.selected >= 0) this.reveal(this.selected);
  }

  // The place of the last row below each row: the tree stands in order, so one backward pass finds it.
  lastBelow(rows) {
    const last = rows.parent.map((_, place) => place);
    for (let place = last.length - 1; place >= 0; place--) {
      const parent = rows.parent[place];
      if (parent >= 0) last[parent] = Math.max(last[parent], last[place]);
    }
    return last;
  }

  // By row the stretches in which everything waited for it.
  readPath(flat) {
    const path = new Map();
    for (let i = 0; i < flat.length; i += 3) {
      if (!path.has(flat[i])) path.set(flat[i], []);
      path.get(flat[i]).push([flat[i + 1], flat[i + 2]]);
    }
    return path;
  }

  layout() {
    const rows = this.data.rows;
    this.visible = [];
    for (let place = 0; place < rows.id.length; place++) {
      this.visible.push(place);
      if (this.folded.has(place)) place = this.last[place];
    }
    this.map = timeMap(this.data.length, this.compressed ? this.data.gaps : []);
    const height = Math.min(this.visible.length, MOST_ROWS) * ROW;
    // In pixels: a box in percent grows with its sheet, and then every row is in sight.
    this.box.style.height = `${height}px`;
    this.sheet.style.height = `${this.visible.length * ROW}px`;
    this.box.setAttribute('aria-rowcount', this.visible.length);
    this.frame.style.setProperty('--scroll', `${this.box.offsetWidth - this.box.clientWidth}px`);
    this.drawAxis();
    this.paint();
  }

  resize() {
    const narrow = this.frame.clientWidth < NARROW;
    if (narrow === this.narrow && this.frame.clientWidth === this.width) return;
    this.width = this.frame.clientWidth;
    this.narrow = narrow;
    this.frame.classList.toggle('narrow', narrow);
    if (this.data) { this.fitShare(); this.drawAxis(); this.paint(); }
  }

  drawShare() {
    this.shares.replaceChildren();
    for (const { title, parts } of this.data.bars) {
      el('span', 'sharename', this.shares).textContent = title;
      const bar = el('div', 'share', this.shares, { role: 'img' });
      bar.setAttribute('aria-label', `${title}: ${parts.map((p) => `${p.label}, ${p.amount}`).join('; ')}`);
      for (const part of parts) {
        const piece = el('div', 'piece', bar);
        piece.style.flexGrow = part.part;
        piece.style.background = part.colour;
        piece.title = `${part.label} · ${part.amount}`;
        piece.dataset.label = part.label;
      }
    }
    this.fitShare();
  }

  // A part too narrow for its words has none; its title still tells.
  fitShare() {
    const pieces = [...this.shares.querySelectorAll('.piece')];
    for (const piece of pieces) piece.textContent = piece.dataset.label;
    const cut = pieces.filter((piece) => piece.scrollWidth > piece.clientWidth);
    for (const piece of cut) piece.textContent = '';
  }

  drawTools() {
    const { words, errors, gaps, rows } = this.data;
    this.tools.replaceChildren();
    el('span', 'count', this.tools).textContent = words.count;
    if (rows.children.some((count, place) => count && rows.parent[place] >= 0)) {
      this.tool(words.fold_all, () => this.foldAll(true));
      this.tool(words.unfold_all, () => this.foldAll(false));
    }
    if (gaps.length) {
      const button = this.tool(words.idle, () => {
        this.compressed = !this.compressed;
        button.setAttribute('aria-pressed', this.compressed);
        this.layout();
      });
      button.setAttribute('aria-pressed', this.compressed);
    }
    if (this.path.size) {
      const button = this.tool(words.path, () => {
        this.onPath = !this.onPath;
        button.setAttribute('aria-pressed', this.onPath);
        this.paint();
      });
      button.setAttribute('aria-pressed', this.onPath);
    }
    if (errors.length) this.tool(`✕ ${words.next_error} (${errors.length})`, () => this.nextError(), 'alarm');
  }

  tool(label, act, name = '') {
    const button = el('button', `tool ${name}`, this.tools, { type: 'button' });
    button.textContent = label;
    button.addEventListener('click', act);
    return button;
  }

  drawAxis() {
    const { at, seams } = this.map;
    const width = this.axis.clientWidth || 400;
    this.axis.replaceChildren();
    this.lines.replaceChildren();
    const wanted = Math.max(2, Math.floor(width / 50));
    const found = this.compressed ? [] : ticks(this.data.length, wanted);
    for (const tick of found) {
      const place = at(tick);
      el('i', '', this.lines).style.left = `${place * 100}%`;
      if (place * width > width - 26) continue;
      const label = el('span', 'tick', this.axis);
      label.style.left = `${place * 100}%`;
      label.textContent = tickLabel(tick, this.data.length, this.data.words);
    }
    let free = 0; // labels of neighbouring seams must not overlap
    for (const [from, to, length] of seams) {
      const seam = el('i', 'seam', this.lines);
      seam.style.left = `${from * 100}%`;
      seam.style.width = `${Math.max(0.3, (to - from) * 100)}%`;
      if (from * width < free || from * width > width - 76) continue;
      free = from * width + 84;
      const label = el('span', 'tick seam', this.axis);
      label.style.left = `${from * 100}%`;
      label.textContent = `⋯ ${durationLabel(length, this.data.words)}`;
      label.title = this.data.words.skipped;
    }
  }

  paint() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const wanted = Math.min(this.visible.length - first, MOST_ROWS + 2 * SPARE);
    while (this.pool.length < wanted) this.pool.push(this.makeRow());
    this.pool.forEach((row, slot) => {
      row.node.hidden = slot >= wanted;
      if (slot < wanted) this.fillRow(row, first + slot);
    });
    this.box.setAttribute('aria-activedescendant', this.selected >= 0 ? `row-${this.selected}` : '');
  }

  makeRow() {
    const node = el('div', 'row', this.sheet, { role: 'row' });
    const name = el('div', 'name', node, { role: 'rowheader' });
    const fold = el('span', 'fold', name, { 'aria-hidden': 'true' });
    const dot = el('span', 'dot', name);
    const text = el('span', 'text', name);
    const lane = el('div', 'lane', node, { role: 'gridcell' });
    const bar = el('span', 'bar', lane);
    const path = el('span', 'path', lane);
    const time = el('span', 'time', lane);
    const tokens = el('div', 'number', node, { role: 'gridcell' });
    const cost = el('div', 'number', node, { role: 'gridcell' });
    return { node, name, fold, dot, text, bar, path, time, tokens, cost };
  }

  fillRow(row, slot) {
    const { rows, kinds, notes, words } = this.data;
    const place = this.visible[slot];
    const kind = kinds[rows.kind[place]];
    const failed = this.isError(place);
    const note = notes[place] || '';
    const aside = this.onPath && !this.path.has(place);
    const open = rows.children[place] ? !this.folded.has(place) : null;
    row.node.style.transform = `translateY(${slot * ROW}px)`;
    row.node.id = `row-${place}`;
    row.node.dataset.place = place;
    row.node.className = `row${place === this.selected ? ' selected' : ''}${failed ? ' failed' : ''}${
      this.missing.has(place) ? ' missing' : ''}${aside ? ' aside' : ''}`;
    row.node.setAttribute('aria-rowindex', slot + 1);
    row.node.setAttribute('aria-level', rows.depth[place] + 1);
    row.node.setAttribute('aria-selected', place === this.selected);
    if (open === null) row.node.removeAttribute('aria-expanded');
    else row.node.setAttribute('aria-expanded', open);
    const deep = rows.depth[place] > DEEPEST ? `${rows.depth[place]} ` : '';
    row.name.style.paddingLeft = `${Math.min(rows.depth[place], DEEPEST) * (this.narrow ? 10 : INDENT)}px`;
    row.fold.textContent = open === null ? '' : open ? '▾' : '▸';
    row.fold.title = open === null ? '' : open ? words.fold : words.unfold;
    row.dot.style.background = failed ? '' : kind.colour;
    row.text.textContent = `${deep}${failed ? '✕ ' : ''}${note ? '⚠ ' : ''}${rows.name[place]}`;
    row.name.title = `${rows.name[place]} · ${kind.label}${failed ? ` · ${words.error}` : ''}${
      this.path.has(place) ? ` · ${words.on_path}` : ''}${note ? `\n${note}` : ''}`;
    row.tokens.textContent = rows.tokens[place];
    row.cost.textContent = rows.cost[place];
    this.fillLane(row, place, failed ? '' : kind.colour);
  }

  fillLane(row, place, colour) {
    const { start, duration } = this.data.rows;
    const from = this.map.at(start[place]);
    const to = this.map.at(start[place] + duration[place]);
    const share = Math.max(0, to - from);
    row.bar.style.left = `${Math.min(from, 0.998) * 100}%`;
    row.bar.style.width = `max(3px, ${share * 100}%)`;
    row.bar.style.background = colour;
    this.fillPath(row.path, place);
    const side = share > 0.86 ? 'in' : to > 0.84 && from > 0.16 ? 'left' : to > 0.84 ? 'in' : 'right';
    row.time.className = `time ${side}`;
    row.time.style.left = side === 'right' ? `calc(max(${to * 100}%, ${from * 100}% + 3px) + 6px)`
      : side === 'in' ? `calc(${from * 100}% + 6px)` : '';
    row.time.style.right = side === 'left' ? `calc(${(1 - from) * 100}% + 6px)` : '';
    row.time.textContent = durationLabel(duration[place], this.data.words);
  }

  // A span that waited again and again is drawn as a few stretches: a thousand marks in a lane are one line.
  fillPath(line, place) {
    line.replaceChildren();
    if (!this.onPath) return;
    let end = -1;
    let mark = null;
    for (const [from, to] of this.path.get(place) || []) {
      const [left, right] = [this.map.at(from), this.map.at(to)];
      if (!mark || left - end > 0.004) {
        mark = el('i', '', line);
        mark.dataset.left = left;
        mark.style.left = `${left * 100}%`;
      }
      end = right;
      mark.style.width = `max(2px, ${(right - Number(mark.dataset.left)) * 100}%)`;
    }
  }

  isError(place) {
    const { errors } = this.data;
    let low = 0;
    for (let high = errors.length - 1; low <= high;) {
      const middle = (low + high) >> 1;
      if (errors[middle] === place) return true;
      if (errors[middle] < place) low = middle + 1; else high = middle - 1;
    }
    return false;
  }

  click(event) {
    const row = event.target.closest('.row');
    if (!row) return;
    const place = Number(row.dataset.place);
    if (event.target.closest('.fold') && this.data.rows.children[place]) this.fold(place, !this.folded.has(place));
    else this.select(place, 0);
  }

  fold(place, shut) {
    if (shut) this.folded.add(place); else this.folded.delete(place);
    this.layout();
  }

  foldAll(shut) {
    const { children, depth } = this.data.rows;
    this.folded = new Set(shut ? children.flatMap((count, place) => (count && depth[place] > 0 ? [place] : [])) : []);
    this.layout();
    if (this.selected >= 0) this.reveal(this.selected);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { parent, children } = this.data.rows;
    const slot = Math.max(0, this.visible.indexOf(this.selected));
    const to = { ArrowDown: slot + 1, ArrowUp: slot - 1, Home: 0, End: this.visible.length - 1,
      PageDown: slot + MOST_ROWS - 1, PageUp: slot - MOST_ROWS + 1 }[event.key];
    const here = this.selected;
    if (to !== undefined) this.select(this.visible[Math.max(0, Math.min(this.visible.length - 1, to))], SETTLE_MS);
    else if (event.key === 'ArrowLeft' && here >= 0) {
      if (children[here] && !this.folded.has(here)) this.fold(here, true);
      else if (parent[here] >= 0) this.select(parent[here], SETTLE_MS);
    } else if (event.key === 'ArrowRight' && here >= 0) {
      if (this.folded.has(here)) this.fold(here, false);
      else if (children[here]) this.select(here + 1, SETTLE_MS);
    } else if (event.key === 'Enter' || event.key === ' ') this.select(here >= 0 ? here : 0, 0);
    else if (event.key === 'e') this.nextError();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  nextError() {
    const { errors } = this.data;
    if (errors.length) this.select(errors.find((place) => place > this.selected) ?? errors[0], 0);
  }

  select(place, delay) {
    if (place === undefined || place < 0) return;
    this.selected = place;
    this.chosen = this.data.rows.id[place];
    this.reveal(place);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(this.chosen), delay);
  }

  // Unfold what hides the row, and scroll the box no further than needed.
  reveal(place) {
    const { parent } = this.data.rows;
    let hidden = false;
    for (let above = parent[place]; above >= 0; above = parent[above]) hidden = this.folded.delete(above) || hidden;
    if (hidden) this.layout();
    const top = this.visible.indexOf(place) * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW - this.box.clientHeight;
    this.paint();
  }
}

const views = new WeakMap();

export default function waterfall(component) {
  const { data, parentElement, setStateValue } = component;
  if (!views.has(parentElement)) views.set(parentElement, new Waterfall(parentElement));
  const view = views.get(parentElement);
  if (view.source === data) return;
  view.source = data;
  view.update(JSON.parse(data), (id) => setStateValue('selected', id));
}
