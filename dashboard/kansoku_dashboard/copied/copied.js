// A click copies the text and says so. It goes in as text.

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Forbidden, or not there: without TLS, on another machine's address, a browser has no clipboard but this.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

function part(tag, name, parent) {
  const node = document.createElement(tag);
  node.className = name;
  parent.appendChild(node);
  return node;
}

export default function copied({ data, parentElement }) {
  const { text, label, done } = JSON.parse(data);
  let button = parentElement.querySelector('.copied');
  if (!button) {
    button = part('button', 'copied', parentElement);
    button.type = 'button';
    part('span', 'text', button);
    part('span', 'mark', button);
    part('span', 'said', parentElement).setAttribute('role', 'status');
  }
  const said = parentElement.querySelector('.said');
  if (button.firstChild.textContent !== text) said.textContent = '';
  button.firstChild.textContent = text;
  button.title = label;
  button.setAttribute('aria-label', label);
  button.onclick = async () => {
    if (await copy(text)) said.textContent = done;
    button.focus();
    setTimeout(() => { said.textContent = ''; }, 2000);
  };
}
