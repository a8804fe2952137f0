// Streamlit replaces the address when the reader changes a widget that is tied to it: Back would leave the screen.
// Here such a change is a step of its own. What Streamlit replaces itself, on the way back, it gives as a path.

export default function stepping() {
  const history = window.history;
  if (history.kansokuSteps) return;
  history.kansokuSteps = true;
  const replace = history.replaceState.bind(history);
  history.replaceState = (state, title, address) => {
    const next = typeof address === 'string' && address.startsWith(`${window.location.origin}/`)
      ? new URL(address) : window.location;
    const moved = next.pathname === window.location.pathname && next.search !== window.location.search;
    if (moved) history.pushState(state, title, address);
    else replace(state, title, address);
  };
}
