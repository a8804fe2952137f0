// Draws a Plotly figure and redraws it in place: a refresh replaces no node and moves nothing on the page.

const CONFIG = { displayModeBar: false, scrollZoom: false };
const states = new WeakMap();
let loading;

// One copy for all charts of the page, when the first of them is drawn.
function load(address) {
  loading ??= new Promise((done, fail) => {
    const script = document.createElement('script');
    script.src = address;
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      loading = undefined;
      fail(new Error(`${address} cannot be loaded`));
    };
    document.head.appendChild(script);
  });
  return loading;
}

function inks(box) {
  const style = getComputedStyle(box);
  const named = (name) => style.getPropertyValue(`--st-${name}`).trim();
  return {
    ink: style.color,
    family: style.fontFamily,
    ground: named('background-color'),
    border: named('border-color'),
    grid: 'rgba(128,138,155,0.18)',
  };
}

// What a figure does not say itself: the theme's ink and letters, quiet grids, room for the labels of axes.
function clothe(layout, { ink, family, ground, border, grid }, width) {
  const axis = { automargin: true, gridcolor: grid, zerolinecolor: grid, linecolor: grid };
  const font = { color: ink, family, size: 12 };
  const template = {
    // Plotly puts a white rim around markers of different sizes.
    data: { scatter: [{ marker: { line: { width: 0 } } }] },
    layout: {
      font,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      margin: { l: 0, r: 0, pad: 8 },
      hoverlabel: { bgcolor: ground, bordercolor: border, font },
      xaxis: { ...axis, showgrid: false, zeroline: false },
      yaxis: axis,
    },
  };
  return { ...layout, template, width, ...sparse(layout, width), ...narrow(layout, width) };
}

// On a phone as many times as stand beside each other: more would be turned and cut off.
function sparse({ xaxis, margin }, width) {
  if (!xaxis?.nticks) return {};
  const room = Math.floor((width - (margin?.l ?? 0)) / 50);
  return { xaxis: { ...xaxis, nticks: Math.max(2, Math.min(xaxis.nticks, room)) } };
}

// On a phone the words above a strip begin at its edge: beside their marks they would be cut off.
function narrow({ annotations, margin }, width) {
  if (width >= 480 || !annotations) return {};
  const edge = { x: 0, xref: 'paper', xanchor: 'left', xshift: -(margin?.l ?? 0) };
  return { annotations: annotations.map((one) => (one.name === 'change' ? { ...one, ...edge } : one)) };
}

function mount(parent) {
  const box = document.createElement('div');
  box.className = 'kansoku-chart';
  box.setAttribute('role', 'figure');
  const plot = document.createElement('div');
  box.appendChild(plot);
  parent.appendChild(box);
  const state = { box, plot, data: '', said: null, drawn: '' };
  state.observer = new ResizeObserver(() => paint(state));
  state.observer.observe(box);
  states.set(parent, state);
  return state;
}

async function paint(state) {
  const { box, plot, said } = state;
  if (!said) return;
  let Plotly;
  try {
    Plotly = await load(said.library);
  } catch {
    if (!state.drawn) plot.textContent = said.alt; // in words, until a later redraw finds the library
    return;
  }
  const width = box.clientWidth;
  // A chart that is not seen is drawn when it is: its box has no width until then.
  if (state.said !== said || !box.isConnected || !width) return;
  const worn = inks(box);
  const drawn = `${width} ${worn.ink} ${worn.family} ${state.data}`;
  if (drawn === state.drawn) return;
  if (!state.drawn) plot.textContent = '';
  state.drawn = drawn;
  await Plotly.react(plot, said.figure.data, clothe(said.figure.layout, worn, width), CONFIG);
  // On paper the drawing shrinks with its column, and for that it must know its own measures.
  for (const drawing of plot.querySelectorAll('.main-svg')) {
    drawing.setAttribute('viewBox', `0 0 ${drawing.getAttribute('width')} ${drawing.getAttribute('height')}`);
  }
}

export default function canvas(component) {
  const { data, parentElement } = component;
  const state = states.get(parentElement) ?? mount(parentElement);
  const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
  if (text !== state.data) {
    state.data = text;
    state.said = JSON.parse(text);
    state.box.setAttribute('aria-label', state.said.alt);
    state.box.style.minHeight = `${state.said.figure.layout.height ?? 0}px`;
  }
  const painted = paint(state);
  const leave = () => {
    // Streamlit also says farewell to a call that a newer one overtook, and then the chart stays.
    if (state.box.isConnected) return;
    state.observer.disconnect();
    states.delete(parentElement);
    if (window.Plotly) window.Plotly.purge(state.plot);
  };
  return painted.then(() => leave);
}
