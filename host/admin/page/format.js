// ---- Numbers and times as a person reads them.
const nothing = "–";
const number_formats = [0, 1, 2].map(digits => new Intl.NumberFormat("en",
  {minimumFractionDigits: digits, maximumFractionDigits: digits}));
const grouped = (value, digits = 0) => number_formats[digits].format(value);

// Three digits say enough: 1.23, 12.3, 123.
const three_digits = value => grouped(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
function scaled(value, units, step = 1000) {
  let unit = 0;
  while (value >= step * 0.9995 && unit < units.length - 1) {
    value /= step;
    unit += 1;
  }
  const text = unit === 0 && Number.isInteger(value) ? grouped(value) : three_digits(value);
  return text + units[unit];
}
const or_nothing = format => value => Number.isFinite(value) ? format(value) : nothing;

const thousands = ["", " k", " M", " G"];
const count = or_nothing(value => value < 1e6 ? grouped(value) : scaled(value, thousands));
const rate = or_nothing(value => value === 0 ? "0" : value < 0.01 ? "<0.01" :
  scaled(value, thousands));
const bytes = or_nothing(value => value === 0 ? "0 B" :
  scaled(value < 10 ? value : Math.round(value), [" B", " kB", " MB", " GB", " TB"]));
const byte_rate = or_nothing(value => bytes(value) + "/s");
const latency = or_nothing(value => value === 0 ? "0 s" : value >= 1 ? three_digits(value) + " s" :
  scaled(value * 1e9, [" ns", " µs", " ms"]));
const percent = or_nothing(value =>
  grouped(100 * value, value > 0 && value < 0.0995 ? 1 : 0) + " %");

// "2.50 k" is "2.5 k" on an axis.
const without_zeros = text => text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");

// A span of time, in its two largest units.
function span(seconds) {
  const parts = [];
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const whole = Math.floor(seconds / size);
    if (whole === 0 && parts.length === 0 && unit !== "s") continue;
    parts.push(`${whole} ${unit}`);
    seconds -= whole * size;
  }
  return parts.slice(0, 2).join(" ");
}

const two = value => String(value).padStart(2, "0");
const clock = milliseconds => {
  const at = new Date(milliseconds);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
};
// With the day, if it is another one.
const moment = text => {
  const at = new Date(text), today = new Date();
  if (Number.isNaN(at.getTime())) return text;
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  return (at.toDateString() === today.toDateString() ? "" : day) + clock(at);
};
const plural = (number, one, many) => `${grouped(number)} ${number === 1 ? one : many}`;
