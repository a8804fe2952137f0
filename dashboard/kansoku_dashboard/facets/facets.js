// The values of each property with their counts; a click filters by one, another click takes it off.
// Every foreign text goes in as text.

function part(tag, name, parent, text = '') {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text;
  parent.appendChild(node);
  return node;
}

function drawGroup(frame, group, words, tell) {
  const box = part('section', 'group', frame);
  const title = part('h4', 'title', box, group.title);
  title.id = `facet-${group.name}`;
  const list = part('div', 'values', box);
  list.setAttribute('role', 'group');
  list.setAttribute('aria-labelledby', title.id);
  const most = Math.max(1, ...group.values.map((entry) => entry.size));
  for (const entry of group.values) {
    const on = entry.value === group.chosen;
    const row = part('button', `value${on ? ' on' : ''}`, list);
    row.type = 'button';
    row.setAttribute('aria-pressed', on);
    row.title = `${entry.label}: ${on ? words.facet_off : words.facet_on}`;
    const bar = part('i', 'bar', row);
    bar.style.width = `${(100 * entry.size) / most}%`;
    part('span', 'mark', row, on ? '✓' : '');
    part('span', 'label', row, entry.label);
    part('span', 'count', row, entry.count);
    row.addEventListener('click', () => tell([group.name, on ? '' : entry.value, Date.now()]));
  }
}

const drawn = new WeakMap();

export default function facets(component) {
  const { data, parentElement, setTriggerValue } = component;
  if (drawn.get(parentElement) === data) return;
  drawn.set(parentElement, data);
  let frame = parentElement.querySelector('.facets');
  if (!frame) frame = part('nav', 'facets', parentElement);
  const { groups, words } = JSON.parse(data);
  frame.replaceChildren();
  frame.setAttribute('aria-label', words.facets);
  for (const group of groups) drawGroup(frame, group, words, (choice) => setTriggerValue('chosen', choice));
}
