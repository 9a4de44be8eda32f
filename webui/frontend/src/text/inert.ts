// HTML that the server has sanitised, read into a document that does nothing: no scripts run there, no pictures are fetched. It is the one
// place where text becomes elements, and has a name in the page's policy (Trusted Types).

interface Policy {
  createHTML(text: string): string;
}

interface Factory {
  createPolicy(name: string, rules: { createHTML(text: string): string }): Policy;
}

const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
const policy: Policy = factory?.createPolicy("mox-inert", { createHTML: (text) => text }) ?? { createHTML: (text) => text };

export function inert(html: string): HTMLElement {
  return new DOMParser().parseFromString(policy.createHTML(html), "text/html").body;
}
