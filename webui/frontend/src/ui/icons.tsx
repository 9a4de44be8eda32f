// Signs, drawn on a grid of 24 with one stroke width.

const PATHS = {
  inbox: "M4 13v5a2 2 0 002 2h12a2 2 0 002-2v-5M4 13l3-8h10l3 8M4 13h5l1 3h4l1-3h5",
  archive: "M4 8h16M5 8v10a2 2 0 002 2h10a2 2 0 002-2V8M4 8V5a1 1 0 011-1h14a1 1 0 011 1v3M10 12h4",
  drafts: "M5 19h14M7 15l9.5-9.5a2 2 0 013 3L10 18l-4 1z",
  junk: "M12 3l9 5v8l-9 5-9-5V8zM12 8v5M12 16.2v.1",
  sent: "M4 12L20 4l-5 16-3.5-6.5z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  folder: "M3 7a2 2 0 012-2h4l2 2h8a2 2 0 012 2v8a2 2 0 01-2 2H5a2 2 0 01-2-2z",
  search: "M11 4a7 7 0 100 14 7 7 0 000-14zM16 16l4.5 4.5",
  compose: "M4 20h5L20 9a2.1 2.1 0 00-3-3L6 17zM15 8l3 3",
  star: "M12 4l2.5 5 5.5.8-4 3.9 1 5.5-5-2.6-5 2.6 1-5.5-4-3.9 5.5-.8z",
  clip: "M20 11l-8.5 8.5a5 5 0 01-7-7L13 4a3.3 3.3 0 014.7 4.7L9.5 17a1.7 1.7 0 01-2.4-2.4L14.5 7",
  reply: "M10 6L4 12l6 6M4 12h10a6 6 0 016 6v1",
  replyAll: "M8 6l-6 6 6 6M13 6l-6 6 6 6M7 12h8a6 6 0 016 6v1",
  forward: "M14 6l6 6-6 6M20 12H10a6 6 0 00-6 6v1",
  more: "M5 12h.1M12 12h.1M19 12h.1",
  close: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  up: "M6 15l6-6 6 6",
  menu: "M4 7h16M4 12h16M4 17h16",
  move: "M3 7a2 2 0 012-2h4l2 2h8a2 2 0 012 2v8a2 2 0 01-2 2H5a2 2 0 01-2-2zM9 13h6M12.5 10.5L15 13l-2.5 2.5",
  label: "M3 12V4h8l10 10-8 8zM7.5 8.5v.1",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM8.5 12l2.5 2.5 4.5-5",
  warn: "M12 4l9.5 16h-19zM12 10v4M12 16.8v.1",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.1",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  help: "M12 3a9 9 0 100 18 9 9 0 000-18zM9.5 9.5a2.5 2.5 0 113.5 2.3c-.8.4-1 .9-1 1.7M12 16.5v.1",
  user: "M12 4a4 4 0 100 8 4 4 0 000-8zM4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5l3.5 2",
  undo: "M9 7L4 12l5 5M4 12h10a5 5 0 015 5v1",
  bold: "M7 5h6a3.5 3.5 0 010 7H7zM7 12h7a3.5 3.5 0 010 7H7z",
  italic: "M10 5h7M7 19h7M14 5l-4 14",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6v.1M4.5 12v.1M4.5 18v.1",
  numbers: "M10 6h10M10 12h10M10 18h10M4 4.5l1.5-.5v4.5M4 11h2.5L4 15h2.5M4 17h2.5v3.5H4",
  link: "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.7-5.7l-1 1M14 10a4 4 0 00-5.7 0l-3 3a4 4 0 005.7 5.7l1-1",
  quote: "M6 17c3-1 4-4 4-9H5v5h3M15 17c3-1 4-4 4-9h-5v5h3",
  minus: "M5 18h14",
  expand: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  mail: "M3 6h18v12H3zM3 7l9 7 9-7",
  unread: "M12 8a4 4 0 100 8 4 4 0 000-8z",
  rule: "M4 6h16M7 12h10M10 18h4",
  print: "M7 9V4h10v5M7 17H4v-7a1 1 0 011-1h14a1 1 0 011 1v7h-3M7 14h10v6H7z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} class={filled ? "filled" : ""} />
    </svg>
  );
}

interface ButtonProps {
  icon: IconName;
  label: string;
  keys?: string;
  onClick: (event: MouseEvent) => void;
  disabled?: boolean;
  pressed?: boolean;
  class?: string;
  text?: boolean;
}

/** A button with a sign; its name and key are its tooltip. */
export function IconButton({ icon, label, keys, onClick, disabled, pressed, text, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${text ? "with-text" : ""} ${rest.class ?? ""}`}
      aria-label={label}
      title={keys ? `${label} (${keys})` : label}
      aria-keyshortcuts={keys}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} filled={pressed === true} />
      {text && <span>{label}</span>}
    </button>
  );
}
