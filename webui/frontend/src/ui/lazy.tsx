// A component that is fetched when it is first shown.

import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { wrong } from "../state/toasts";

export function lazy<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let known: FunctionComponent<P> | null = null;
  return function Lazy(props: P) {
    const [Loaded, setLoaded] = useState<FunctionComponent<P> | null>(() => known);
    useEffect(() => {
      if (Loaded) return;
      load()
        .then((found) => {
          known = found;
          setLoaded(() => found);
        })
        .catch(() => wrong("A part of the page could not be loaded. Check your connection and load the page again."));
    }, []);
    return Loaded ? <Loaded {...props} /> : null;
  };
}
