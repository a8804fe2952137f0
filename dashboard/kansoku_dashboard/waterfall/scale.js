// Time on the lane: ticks, labels, and the map from nanoseconds to a share of the width. Pure functions.

const STEPS = [1, 2, 5];
const UNITS = [[1, 'ns'], [1e3, 'µs'], [1e6, 'ms'], [1e9, 's']];

// Choose round steps: 1, 2, 5 in decimal units; in minutes and hours the divisions of a clock.
function tickStep(length, wanted) {
  const least = length / Math.max(1, wanted);
  if (least > 30e9) {
    const clock = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
    return (clock.find((s) => s * 1e9 >= least) || Math.ceil(least / 604800e9) * 604800) * 1e9;
  }
  if (least > 10e9) return least > 15e9 ? 30e9 : 15e9;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return (STEPS.find((s) => s * power >= least) || 10) * power;
}

function ticks(length, wanted) {
  if (!(length > 0)) return [0];
  const step = tickStep(length, wanted);
  const found = [];
  for (let at = 0; at <= length * 1.0001 && found.length < 40; at += step) found.push(at);
  return found;
}

// Hours, minutes and seconds as the reader's language joins them to their numbers: "1 min 05 s", "1分05秒".
const ENGLISH = { hours: ' h ', minutes: ' min ', seconds: ' s' };

// A tick is labelled in the unit of its step: "0 ms 500 ms 1,000 ms" would be longer than "0 s 0.5 s 1 s".
function tickLabel(at, length, names = ENGLISH) {
  if (length >= 60e9) {
    const [whole, part, name] = length >= 3600e9 ? [3600e9, 60e9, names.hours] : [60e9, 1e9, names.minutes];
    const rest = Math.round((at % whole) / part);
    return `${Math.floor(at / whole)}${rest ? `:${String(rest).padStart(2, '0')}` : ''}${name.trimEnd()}`;
  }
  const [size, unit] = UNITS.findLast(([u]) => length >= u) || UNITS[0];
  const value = at / size;
  return `${Number(value.toFixed(2)).toLocaleString('en')} ${unit}`;
}

function durationLabel(ns, { hours, minutes, seconds } = ENGLISH) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${trim(ns / 1e3)} µs`;
  if (ns < 1e9) return `${trim(ns / 1e6)} ms`;
  if (ns < 60e9) return `${(ns / 1e9).toFixed(ns < 10e9 ? 2 : 1)} s`;
  const two = (number) => String(Math.floor(number)).padStart(2, '0');
  const whole = Math.floor(ns / 60e9);
  if (whole < 60) return `${whole}${minutes}${two((ns % 60e9) / 1e9)}${seconds}`;
  return `${Math.floor(whole / 60)}${hours}${two(whole % 60)}${minutes}`.trimEnd();
}

function trim(value) {
  return value < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value));
}

// Without gaps the map is linear. With gaps each one keeps 1 % of the width, so that it stays visible as a seam.
function timeMap(length, gaps) {
  const whole = Math.max(1, length);
  if (!gaps.length) return { at: (ns) => ns / whole, seams: [], span: whole };
  const cut = gaps.reduce((sum, [from, to]) => sum + (to - from), 0);
  const seam = Math.max(1, (whole - cut) * 0.012);
  const span = whole - cut + seam * gaps.length;
  const at = (ns) => {
    let gone = 0;
    for (const [from, to] of gaps) {
      if (ns >= to) gone += to - from - seam;
      else if (ns > from) return (from - gone + seam * ((ns - from) / (to - from))) / span;
      else break;
    }
    return (ns - gone) / span;
  };
  return { at, seams: gaps.map(([from, to]) => [at(from), at(to), to - from]), span };
}
