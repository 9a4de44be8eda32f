// Dates as lists and messages show them.

const DAY = 86_400_000;

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

function midnight(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** For a list: the time today, the day this year, else the date. */
export function short(ms: number, now = Date.now()): string {
  if (midnight(ms) === midnight(now)) return time.format(ms);
  if (new Date(ms).getFullYear() === new Date(now).getFullYear()) return day.format(ms);
  return year.format(ms);
}

/** For a message: how long ago, and when. */
export function long(ms: number, now = Date.now()): string {
  const minutes = Math.round((now - ms) / 60_000);
  if (minutes >= 0 && minutes < 1) return "just now";
  if (minutes > 0 && minutes < 60) return relative.format(-minutes, "minute");
  const days = Math.round((midnight(now) - midnight(ms)) / DAY);
  if (days === 0) return `today, ${time.format(ms)}`;
  if (days === 1) return `yesterday, ${time.format(ms)}`;
  if (days > 1 && days < 7) return weekday.format(ms);
  return `${short(ms, now)}, ${time.format(ms)}`;
}

export function full(ms: number): string {
  return exact.format(ms);
}

const UNITS = ["B", "KB", "MB", "GB"];

export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}

const number = new Intl.NumberFormat();

export function count(value: number): string {
  return number.format(value);
}

/** "1 message", "2 messages". */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}
