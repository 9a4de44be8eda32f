// A component that is drawn again only when what it is given changed. Styles are compared by what they say.

import { Component, type FunctionComponent, h } from "preact";

type Props = Record<string, unknown>;

function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one === "function" && typeof other === "function") return true;
  return typeof one === "object" && typeof other === "object" && !!one && "transform" in one && JSON.stringify(one) === JSON.stringify(other);
}

/** Functions are taken to do the same: what they close over is in the other properties. */
export function memo<P extends object>(Inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const before = this.props as Props;
      return Object.entries(next).some(([name, value]) => !same(before[name], value));
    }
    override render() {
      return h(Inner, this.props as P);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
