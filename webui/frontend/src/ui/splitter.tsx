// Borders between regions that are dragged, or moved by arrow keys; this browser remembers where.

import { rememberNumber, rememberedNumber } from "../state/settings";

interface Props {
  name: string;
  label: string;
  usual: number;
  least: number;
  most: number;
  vertical?: boolean;
}

export function applyWidths(all: Pick<Props, "name" | "usual">[]): void {
  for (const { name, usual } of all) document.documentElement.style.setProperty(`--${name}`, `${rememberedNumber(name, usual)}px`);
}

export function Splitter({ name, label, usual, least, most, vertical = false }: Props) {
  const now = () => rememberedNumber(name, usual);
  function set(value: number) {
    const width = Math.max(least, Math.min(most, value));
    document.documentElement.style.setProperty(`--${name}`, `${width}px`);
    rememberNumber(name, width);
  }
  return (
    <div
      class={`splitter ${vertical ? "vertical" : ""} ${name}`}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={vertical ? "horizontal" : "vertical"}
      aria-valuenow={now()}
      aria-valuemin={least}
      aria-valuemax={most}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -16, ArrowUp: -16, ArrowRight: 16, ArrowDown: 16 }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        set(now() + by);
      }}
      onDblClick={() => set(usual)}
      onPointerDown={(event) => {
        const bar = event.currentTarget;
        const begin = (vertical ? event.clientY : event.clientX) - now();
        bar.setPointerCapture(event.pointerId);
        bar.onpointermove = (move) => set((vertical ? move.clientY : move.clientX) - begin);
        bar.onpointerup = () => (bar.onpointermove = null);
      }}
    />
  );
}
