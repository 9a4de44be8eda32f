// Where the page is, as the part of its address behind "#" says it.

export interface Where {
  kind: "box" | "search" | "settings";
  name: string;
  message: string;
}

export function parse(hash: string): Where | null {
  try {
    const [kind = "", name = "", message = ""] = hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
    return kind === "box" || kind === "search" ? { kind, name, message } : null;
  } catch {
    return null; // not as this page writes it
  }
}

export function write({ kind, name, message }: Where): string {
  const parts = [kind, encodeURIComponent(name), ...(message ? [encodeURIComponent(message)] : [])];
  return `#/${parts.join("/")}`;
}
