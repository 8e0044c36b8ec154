// Numbers, times and sizes as the language writes them.

export interface Formats {
  number: (value: number) => string;
  // With as many digits as tell something: 0.1429, 12,345, 2.5e-4.
  measure: (value: number) => string;
  // Of a part of one: 0.123 is 12.3 %.
  percent: (value: number) => string;
  bytes: (value: number) => string;
  // Of Unix seconds.
  dateTime: (seconds: number) => string;
  time: (seconds: number) => string;
  ago: (seconds: number, now?: number) => string;
  // "3 min 5 s"
  duration: (seconds: number) => string;
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

function makeBytes(locale: string): Formats['bytes'] {
  return (value) => {
    let unit = 0;
    let amount = value;
    while (amount >= 1000 && unit < UNITS.length - 1) {
      amount /= 1000;
      unit += 1;
    }
    const options: Intl.NumberFormatOptions = {
      style: 'unit',
      unit: UNITS[unit] ?? 'byte',
      unitDisplay: unit === 0 ? 'long' : 'short',
      maximumFractionDigits: amount < 10 && unit > 0 ? 1 : 0,
    };
    return new Intl.NumberFormat(locale, options).format(amount);
  };
}

function makeDuration(locale: string): Formats['duration'] {
  const unit = (value: number, name: string) =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'short' }).format(
      value,
    );
  return (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    const parts: [number, string][] = [
      [Math.floor(whole / 86400), 'day'],
      [Math.floor(whole / 3600) % 24, 'hour'],
      [Math.floor(whole / 60) % 60, 'minute'],
      [whole % 60, 'second'],
    ];
    const first = parts.findIndex(([value]) => value > 0);
    if (first < 0) return unit(0, 'second');
    return parts
      .slice(first, first + 2)
      .filter(([value], index) => index === 0 || value > 0)
      .map(([value, name]) => unit(value, name))
      .join(' ');
  };
}

function makeAgo(locale: string): Formats['ago'] {
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' });
  return (seconds, now = Date.now() / 1000) => {
    const past = Math.max(0, now - seconds);
    if (past < 60) return relative.format(0, 'minute');
    if (past < 3600) return relative.format(-Math.floor(past / 60), 'minute');
    if (past < 86400) return relative.format(-Math.floor(past / 3600), 'hour');
    return relative.format(-Math.floor(past / 86400), 'day');
  };
}

function makeMeasure(locale: string): Formats['measure'] {
  const plain = new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 });
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  return (value) => {
    const size = Math.abs(value);
    if (size !== 0 && size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, 'e');
    return (size >= 1000 ? whole : plain).format(value);
  };
}

export function makeFormats(locale: string): Formats {
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const time = new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  const number = new Intl.NumberFormat(locale);
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  return {
    number: (value) => number.format(value),
    measure: makeMeasure(locale),
    percent: (value) => percent.format(value),
    bytes: makeBytes(locale),
    dateTime: (seconds) => dateTime.format(seconds * 1000),
    time: (seconds) => time.format(seconds * 1000),
    ago: makeAgo(locale),
    duration: makeDuration(locale),
  };
}
