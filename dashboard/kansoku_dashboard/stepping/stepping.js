// Streamlit replaces the address when the reader changes a widget that is tied to it: Back would leave the screen.
// Here such a change is a step of its own. What Streamlit replaces itself, on the way back, it gives as a path.
// One gesture is one step: a link to another page first empties the address in several goes.

export default function stepping() {
  const history = window.history;
  if (history.kansokuSteps) return;
  history.kansokuSteps = true;
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let stepped = false;
  for (const gesture of ['pointerdown', 'click', 'keydown']) {
    window.addEventListener(gesture, () => { stepped = false; }, true);
  }
  history.pushState = (state, title, address) => {
    (stepped ? replace : push)(state, title, address);
    stepped = true;
  };
  history.replaceState = (state, title, address) => {
    const next = typeof address === 'string' && address.startsWith(`${window.location.origin}/`)
      ? new URL(address) : window.location;
    const moved = next.pathname === window.location.pathname && next.search !== window.location.search;
    (moved ? history.pushState : replace)(state, title, address);
  };
}
